package web_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/perch-chat/perch/internal/id"
	"github.com/perch-chat/perch/store"
	"github.com/perch-chat/perch/store/bolt/bolttest"
)

// BenchmarkEvents holds the events API, which stores before it answers,
// against a bare handler that only stores the same bytes. Both are asked in
// turns, a while each, so that a disk that changes its mood changes it for
// both. The ratio of their rates has to be at least 0.5 at 16 and 64 clients
// and 0.6 at one.
func BenchmarkEvents(b *testing.B) {
	for _, clients := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			w := newWorld(b, noLimit)
			api := httptest.NewServer(w.h)
			defer api.Close()
			bare := httptest.NewServer(bareHandler(b))
			defer bare.Close()
			hc := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients, MaxConnsPerHost: clients}}
			body := []byte(eventBody(`{"event":"Deployment of payments 4.2 started","visibility":"external"}`))
			const each = 6 // requests of a client in a turn
			var apiTime, bareTime time.Duration
			var ratios []float64
			round := func() {
				n := each * clients
				a := volley(b, hc, clients, n, api.URL+w.events(), w.token, body)
				c := volley(b, hc, clients, n, bare.URL+"/events", w.token, body)
				apiTime, bareTime, ratios = apiTime+a, bareTime+c, append(ratios, c.Seconds()/a.Seconds())
			}
			round() // connects
			apiTime, bareTime, ratios = 0, 0, nil
			for b.Loop() {
				round()
			}
			n := float64(len(ratios) * each * clients)
			slices.Sort(ratios)
			b.ReportMetric(n/apiTime.Seconds(), "api_events/s")
			b.ReportMetric(n/bareTime.Seconds(), "bare_events/s")
			b.ReportMetric(ratios[len(ratios)/2], "ratio") // the median: a disk's hiccup hits one turn
			b.ReportMetric(0, "ns/op")
		})
	}
}

// volley sends n requests from so many clients at once.
func volley(b *testing.B, hc *http.Client, clients, n int, url, token string, body []byte) time.Duration {
	b.Helper()
	var wg sync.WaitGroup
	began := time.Now()
	for range clients {
		wg.Go(func() {
			for range n / clients {
				r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+token)
				r.Header.Set("Content-Type", "application/vnd.api+json")
				res, err := hc.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, res.Body); err != nil || res.StatusCode != http.StatusCreated {
					b.Errorf("%s = %d, %v", url, res.StatusCode, err)
				}
				if err := res.Body.Close(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	return time.Since(began)
}

// bareHandler stores a request's body and answers with it, and that is all.
func bareHandler(b *testing.B) http.Handler {
	db := bolttest.Open(b)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !json.Valid(body) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		key := store.Key(id.New())
		if err := db.Update(r.Context(), func(tx store.Tx) error { return tx.Put("events", key, body) }); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(body)
	})
}
