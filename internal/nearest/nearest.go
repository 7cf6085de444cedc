// Package nearest finds the word somebody probably meant: for keys, commands
// and variables that are spelled almost right. It knows no vocabulary.
package nearest

import "strings"

// Word returns the word of words that is spelled most like word, if one is
// near: up to a third of its letters changed, two at least. Case is ignored.
func Word(word string, words []string) (string, bool) {
	if len(word) > maxWord {
		return "", false
	}
	word = strings.ToLower(word)
	best, dist := "", max(2, len(word)/3)+1
	for _, w := range words {
		if len(w) > maxWord {
			continue
		}
		if n := distance(word, strings.ToLower(w)); n < dist && n < max(len(word), len(w)) {
			best, dist = w, n
		}
	}
	return best, best != ""
}

// maxWord bounds the work: what is longer is no misspelled word.
const maxWord = 64

// distance counts the letters that are added, left out, changed or swapped
// with their neighbour (optimal string alignment).
func distance(a, b string) int {
	prev2, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range prev {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], prev2[j-2]+1)
			}
		}
		prev2, prev, row = prev, row, prev2
	}
	return prev[len(b)]
}
