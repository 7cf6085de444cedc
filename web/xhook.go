package web

import (
	"fmt"
	"io"
	"net/http"
)

// signatureHeader is where X signs its deliveries, see
// https://docs.x.com/x-api/webhooks/introduction.
const signatureHeader = "X-Twitter-Webhooks-Signature"

// answerCRC answers X's challenge, with which it makes sure that this is the
// app's address.
func (s *server) answerCRC(w http.ResponseWriter, r *http.Request) error {
	answerText, err := s.XWebhook.CRC(r.URL.Query().Get("crc_token"))
	if err != nil {
		return &fail{code: codeBadJSON, problems: []problem{{Title: "This is not a challenge of X"}}}
	}
	body, err := marshal(map[string]string{"response_token": answerText})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = w.Write(body) // X asks again
	return nil
}

// receiveX stores a delivery of X, and only then says that it has it.
func (s *server) receiveX(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return fmt.Errorf("read X's delivery: %w", err)
	}
	if !s.XWebhook.Verify(r.Header.Get(signatureHeader), body) {
		return &fail{code: codeSignature}
	}
	items, err := s.XWebhook.Decode(body)
	if err != nil {
		// X would send it again and again, and then switch the webhook off:
		// what is lost here, polling finds.
		s.Log.Warn("unreadable delivery of X", "bytes", len(body), "err", err)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	if len(items) > 0 {
		if _, err := s.Inbox.Put(r.Context(), items...); err != nil {
			return fmt.Errorf("store X's delivery: %w", err)
		}
	}
	w.WriteHeader(http.StatusOK)
	return nil
}
