package rcfake

import (
	"maps"
	"slices"
)

// rolesOf are the roles that have a permission as the server comes, as far as a
// bot may ask.
func rolesOf() map[string][]string {
	people := []string{"admin", "user", "bot", "app"}
	lead := []string{"livechat-manager", "livechat-monitor", "admin"}
	serve := []string{"livechat-manager", "livechat-monitor", "livechat-agent", "admin"}
	return map[string][]string{
		"access-permissions":         {"admin"},
		"api-bypass-rate-limit":      {"admin", "bot", "app"},
		"create-c":                   people,
		"create-d":                   people,
		"create-p":                   people,
		"delete-own-message":         {"admin", "user"},
		"message-impersonate":        {"bot", "app"},
		"pin-message":                {"owner", "moderator", "admin"},
		"send-many-messages":         {"admin", "bot", "app"},
		"view-c-room":                people,
		"view-d-room":                people,
		"view-joined-room":           {"guest", "bot", "app", "anonymous"},
		"view-p-room":                {"admin", "user", "anonymous", "guest"},
		"view-l-room":                serve,
		"close-livechat-room":        serve,
		"close-others-livechat-room": lead,
		"transfer-livechat-guest":    lead,
		"view-livechat-departments":  lead,
		"view-livechat-manager":      lead,
		"view-livechat-rooms":        lead,
	}
}

// SetPermission gives a permission to these roles alone. It is told; what the
// bot may do is for its roles to say.
func (s *Server) SetPermission(name string, roles ...string) {
	_ = s.do(func() error { s.st.permissions[name] = roles; return nil })
}

// permissions are told to everybody who is logged in.
func permissions(c *call) (obj, *failure) {
	out := []any{}
	for _, name := range slices.Sorted(maps.Keys(c.st.permissions)) {
		out = append(out, obj{"_id": name, "roles": append([]string{}, c.st.permissions[name]...)})
	}
	return obj{"update": out, "remove": []any{}}, nil
}
