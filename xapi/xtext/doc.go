// Package xtext measures and cuts text the way X does: weighted length as
// twitter-text version 3 counts it (URLs 23, emoji 2, CJK 2, NFC first), the
// URLs, mentions, hashtags and cashtags in a text, and threads of numbered
// parts. It never calls anybody, keeps no state, and knows nothing of posts,
// accounts or this program's other packages.
//
// The rules are those of twitter-text's configuration v3
// (https://developer.x.com/en/docs/counting-characters). Two things are
// newer here than in the last published twitter-text, because X itself is:
// the emoji sequences are those of Unicode 17, and the top-level domains are
// the union of twitter-text 3.1.0's and those delegated since.
package xtext

//go:generate go run gen.go
