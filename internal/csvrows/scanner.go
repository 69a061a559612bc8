// This file holds how a stream is cut into rows and fields.

package csvrows

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// MaxRow is the greatest length of one row in bytes: what a row that never ends may cost.
const MaxRow = 1 << 20

// firstLook is how much of the input is looked at before more of it is asked for.
const firstLook = 4 << 10

// Scanner cuts a stream into rows and fields as RFC 4180 has them. After a row that is none it
// goes on at the next line, so that a quotation mark that is never closed costs its own line and
// not the rest of the stream. It is for one goroutine.
type Scanner struct {
	in     *bufio.Reader
	comma  byte
	line   int // of the next byte
	fields []string
	arena  []byte
	ends   []int
}

// New gives a scanner of fields with the byte between them.
func New(in io.Reader, comma byte) *Scanner {
	return &Scanner{in: bufio.NewReaderSize(in, MaxRow+1), comma: comma, line: 1}
}

// Next gives the fields of the next row that is not blank, valid until it is called again, and
// the line where it begins. Where the row cannot be cut, problem says why. An error is the
// input's; io.EOF is its end.
func (s *Scanner) Next() (fields []string, line int, problem string, err error) {
	for {
		look := firstLook
		for {
			buf, err := s.in.Peek(look)
			end := errors.Is(err, io.EOF)
			if len(buf) == 0 {
				return nil, s.line, "", err
			}
			length, problem := s.cut(buf, end)
			if length == 0 && problem == "" {
				if err != nil {
					return nil, s.line, "", err // the input broke within the row
				}
				if look < MaxRow {
					look = min(look*4, MaxRow)
					continue
				}
				problem = "is longer than 1 MiB, or has a quotation mark that is never closed"
			}
			line = s.line
			if problem != "" {
				return nil, line, problem, s.skipLine()
			}
			s.line += bytes.Count(buf[:length], []byte("\n"))
			if _, err := s.in.Discard(length); err != nil {
				return nil, line, "", err
			}
			break
		}
		if len(s.ends) == 1 && len(s.arena) == 0 {
			continue // a blank line
		}
		// One string holds the whole row, so that a row costs one allocation.
		row, start := string(s.arena), 0
		s.fields = s.fields[:0]
		for _, end := range s.ends {
			s.fields = append(s.fields, row[start:end])
			start = end
		}
		return s.fields, line, "", nil
	}
}

// skipLine goes on to the line after this one.
func (s *Scanner) skipLine() error {
	for {
		_, err := s.in.ReadSlice('\n')
		switch {
		case err == nil:
			s.line++
			return nil
		case errors.Is(err, io.EOF):
			return nil // told by the next call
		case !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// cut takes the row at the beginning of buf apart and gives its length with its line's end; 0
// when the row goes on beyond buf.
func (s *Scanner) cut(buf []byte, end bool) (length int, problem string) {
	s.arena, s.ends = s.arena[:0], s.ends[:0]
	i := 0
	for {
		if i < len(buf) && buf[i] == '"' {
			n, problem := s.quoted(buf[i:], end)
			if n == 0 || problem != "" {
				return 0, problem
			}
			i += n
		} else {
			n := 0
			for i+n < len(buf) && buf[i+n] != s.comma && buf[i+n] != '\n' {
				if buf[i+n] == '"' {
					return 0, "has a quotation mark inside a field that does not begin with one"
				}
				n++
			}
			if i+n == len(buf) && !end {
				return 0, ""
			}
			value := buf[i : i+n]
			if i+n == len(buf) || buf[i+n] == '\n' {
				value = bytes.TrimSuffix(value, []byte("\r"))
			}
			s.arena = append(s.arena, value...)
			i += n
		}
		s.ends = append(s.ends, len(s.arena))
		switch {
		case i == len(buf):
			return i, ""
		case buf[i] == '\n':
			return i + 1, ""
		}
		i++ // the comma
		if i == len(buf) && !end {
			return 0, ""
		}
	}
}

// quoted takes a quoted field and gives its length up to what follows it (a comma, the line's
// end without its carriage return, or the end of the stream); 0 when it goes on beyond buf.
func (s *Scanner) quoted(buf []byte, end bool) (length int, problem string) {
	i := 1
	for {
		n := bytes.IndexByte(buf[i:], '"')
		if n < 0 {
			if end {
				return 0, "has a quotation mark that is never closed"
			}
			return 0, ""
		}
		s.arena = append(s.arena, buf[i:i+n]...)
		i += n + 1
		if i == len(buf) {
			if end {
				return i, ""
			}
			return 0, ""
		}
		switch buf[i] {
		case '"':
			s.arena = append(s.arena, '"')
			i++
			continue
		case s.comma, '\n':
			return i, ""
		case '\r':
			if i+1 < len(buf) && buf[i+1] == '\n' {
				return i + 1, ""
			}
			if i+1 == len(buf) {
				if end {
					return i + 1, ""
				}
				return 0, ""
			}
		}
		return 0, "has text after a closing quotation mark"
	}
}
