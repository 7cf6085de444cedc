package rocketchat

import (
	"net/url"
	"strconv"
)

// pages asks for a list page by page, until page has no more for it or says
// total 0. A server gives no more at once than its API_Upper_Count_Limit says
// (100, unless somebody lowered it), whatever it is asked for. rest says that
// there is more than most.
// See https://developer.rocket.chat/apidocs/query-parameters
func pages(q url.Values, most int, page func(q url.Values) (n, total int, err error)) (rest bool, err error) {
	q.Set("count", "100")
	for offset := 0; offset < most; {
		q.Set("offset", strconv.Itoa(offset))
		n, total, err := page(q)
		if err != nil {
			return false, err
		}
		if offset += n; n == 0 || offset >= total {
			return false, nil
		}
	}
	return true, nil
}
