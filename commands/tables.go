package commands

import "github.com/perch-chat/perch/store"

// Tables are the tables that this package keeps, for a check of the store.
func Tables() []store.Checker {
	return []store.Checker{threads, setups, sites, troubles, homes, dues, links, asks, marks, ours, rooms, undecodeds, unreads, copies}
}
