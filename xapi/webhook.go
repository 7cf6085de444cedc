package xapi

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"
)

// SignatureHeader carries the signature of a delivery.
const SignatureHeader = "X-Twitter-Webhooks-Signature"

// ErrCRCToken is returned for a challenge that X would not make.
var ErrCRCToken = errors.New("the challenge is not an opaque token")

// opaque is what X's tokens look like. The answer to a challenge and the
// signature of a body are made with the same key in the same way: to answer
// just any challenge would let everybody have a forged body signed.
var opaque = regexp.MustCompile(`^[A-Za-z0-9+/=_-]{16,128}$`)

// CRCResponse is the response_token that answers X's challenge. It must be
// sent as {"response_token": "…"} with status 200.
func CRCResponse(consumerSecret, token string) (string, error) {
	switch {
	case consumerSecret == "":
		return "", missing("answer challenge", "the API key secret")
	case !opaque.MatchString(token):
		return "", ErrCRCToken
	}
	return sign(consumerSecret, []byte(token)), nil
}

// VerifySignature reports whether the header signs exactly these bytes. It
// takes the same time wherever the two differ.
func VerifySignature(consumerSecret, header string, body []byte) bool {
	if consumerSecret == "" || !strings.HasPrefix(header, "sha256=") {
		return false
	}
	return hmac.Equal([]byte(sign(consumerSecret, body)), []byte(header))
}

func sign(secret string, message []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(message)
	return "sha256=" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
