package desk

import "github.com/perch-chat/perch/store"

// Tables are the tables that this package keeps, for a check of the store.
func Tables() []store.Checker {
	return []store.Checker{departments(), duties(), settings(), settingChanges(), contacts(), conversations(), messages(), places(), groups(), aways()}
}
