package webchat

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// Header has to be on every request that changes something. A page of another
// origin can't set it without asking first, and it is never allowed to.
const Header = "X-Perch-Sandbox"

// Guard protects pages that have no passwords: it answers only under plain
// addresses, localhost and the given names (a hostile page may have bound its
// own name to this machine), refuses whatever another origin sends, wants
// [Header] on whatever changes something, and bounds bodies.
func Guard(hosts []string, next http.Handler) http.Handler {
	var cop http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		if !knownHost(r.Host, hosts) {
			writeProblem(w, problem(http.StatusMisdirectedRequest, "unknown_host", "Open this page as localhost or by its address."))
			return
		}
		if !ownFetch(r) {
			writeProblem(w, problem(http.StatusForbidden, "cross_origin", "Another site sent this request."))
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			if err := cop.Check(r); err != nil || !ownOrigin(r) {
				writeProblem(w, problem(http.StatusForbidden, "cross_origin", "Another site sent this request."))
				return
			}
			if r.Header.Get(Header) == "" {
				writeProblem(w, problem(http.StatusForbidden, "no_header", "The header %s is missing.", Header))
				return
			}
			if ct, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); strings.TrimSpace(ct) != "application/json" {
				writeProblem(w, problem(http.StatusUnsupportedMediaType, "not_json", "Send JSON."))
				return
			}
		}
		r.Body = http.MaxBytesReader(w, r.Body, bodyLimit(r.URL.Path))
		next.ServeHTTP(w, r)
	})
}

// bodyLimit is larger where people send files.
func bodyLimit(path string) int64 {
	if path == "/chat/message" || path == "/sandbox/dm" {
		return maxFileBody
	}
	return maxBody
}

// ownFetch is false for what another site's page fetches or frames. It could not
// read the answer, but it could use up the streams. People may follow its links.
func ownFetch(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
		return true
	}
	return r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
}

// ownOrigin is false for an Origin that isn't the page's own, also one that is "null".
func ownOrigin(r *http.Request) bool {
	o := r.Header.Get("Origin")
	return o == "" || o == "http://"+r.Host || o == "https://"+r.Host
}

func knownHost(hostport string, hosts []string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || net.ParseIP(host) != nil || slices.Contains(hosts, host)
}
