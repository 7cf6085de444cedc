package accounts

// NewTicket returns 256 random bits as text, for what a browser carries.
func NewTicket() string { return random() }

// HashTicket is what is stored of a ticket.
func HashTicket(s string) string { return hash(s) }

// SameTicket compares hashes, or tickets, in constant time.
func SameTicket(x, y string) bool { return same(x, y) }
