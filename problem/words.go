// This file holds how texts are made into words, and words into a fingerprint.

package problem

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Words gives the words of texts as they are compared: in lower case and Unicode's letters only, each once,
// in the order in which they first stand there, at most limit. A run of letters with a digit in it is no
// word, as it tells this case from others and not what it is about ("srv-0417", "2026-11-22", "id7"); nor is
// one of less than three letters. Of scripts that put no spaces between words (Chinese characters, kana,
// Thai, Lao, Khmer, Burmese) each pair of neighbours is a word.
func Words(limit int, texts ...string) []string {
	var out []string
	seen := map[string]bool{}
	add := func(word string) {
		if !seen[word] && len(out) < limit && len(word) <= maxWord {
			seen[word] = true
			out = append(out, word)
		}
	}
	for _, text := range texts {
		for _, run := range strings.FieldsFunc(text, func(r rune) bool { return !unicode.In(r, unicode.Letter, unicode.Mark, unicode.Digit) }) {
			if strings.ContainsFunc(run, unicode.IsDigit) {
				continue
			}
			run = strings.ToLower(run)
			if strings.ContainsFunc(run, unspaced) {
				letters := []rune(run)
				for i := 0; i+1 < len(letters); i++ {
					add(string(letters[i : i+2]))
				}
				continue
			}
			if utf8.RuneCountInString(run) >= 3 {
				add(run)
			}
		}
	}
	return out
}

// maxWord is the greatest length of a word in bytes: longer ones are no words of a language.
const maxWord = 100

func unspaced(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// maxFingerprint is how many words of a text its fingerprint has.
const maxFingerprint = 24

// Fingerprint gives what texts about the same have in common: the [Words] of the text, at most 24 of them,
// sorted, with a space between. "Mail: relay 12 full!" and "relay full MAIL 7" have the same. It is empty,
// and then no text is like it, where there are less than two words.
func Fingerprint(text string) string {
	words := Words(maxFingerprint, text)
	if len(words) < 2 {
		return ""
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}
