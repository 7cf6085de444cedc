package xfake

import "net/http"

func (s *Server) getMe(c *call) reply {
	return reply{status: http.StatusOK, body: map[string]any{"data": s.user(c.user, c.fields("user.fields"))}}
}

func (s *Server) getUser(c *call) reply {
	id := c.path["id"]
	if !isID(id) {
		return badID("id", id)
	}
	return s.oneUser(c, s.st.Users[id], "id", id)
}

func (s *Server) getUserBy(c *call) reply {
	h := c.path["username"]
	return s.oneUser(c, s.st.byHandle(h), "username", h)
}

func (s *Server) oneUser(c *call, u *userRec, param, v string) reply {
	if u == nil {
		return reply{status: http.StatusOK, body: map[string]any{"errors": []missing{notFound("user", param, v)}}}
	}
	return reply{status: http.StatusOK, body: map[string]any{"data": s.user(u, c.fields("user.fields"))}}
}

func (s *Server) getUsers(c *call) reply {
	return s.manyUsers(c, "ids", func(id string) *userRec { return s.st.Users[id] })
}

func (s *Server) getUsersBy(c *call) reply { return s.manyUsers(c, "usernames", s.st.byHandle) }

func (s *Server) manyUsers(c *call, param string, find func(string) *userRec) reply {
	vs, rep, ok := list(c, param)
	if !ok {
		return rep
	}
	body := map[string]any{}
	var data []any
	var errs []missing
	for _, v := range vs {
		if u := find(v); u != nil {
			data = append(data, s.user(u, c.fields("user.fields")))
			continue
		}
		errs = append(errs, notFound("user", param, v))
	}
	if data != nil {
		body["data"] = data
	}
	if errs != nil {
		body["errors"] = errs
	}
	return reply{status: http.StatusOK, body: body}
}
