// This file holds how a stream is cut into rows.

package jsonrows

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// MaxRow is the greatest length of one row in bytes.
const MaxRow = 1 << 20

// Scanner cuts a stream into the elements of an array or, where it does not begin with a bracket, into lines. It is for
// one goroutine.
type Scanner struct {
	in    *bufio.Reader
	line  int
	begun bool
	array bool
	given bool // an element of the array was given
	ended bool
	buf   []byte
}

// open looks for the bracket of an array.
func (s *Scanner) open() error {
	if mark, err := s.in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = s.in.Discard(3) // a byte order mark
	}
	b, err := s.blank()
	if err != nil {
		return err
	}
	if b == '[' {
		s.array = true
		return nil
	}
	return s.in.UnreadByte()
}

// blank gives the first byte that is no white spacs.
func (s *Scanner) blank() (byte, error) {
	for {
		b, err := s.in.ReadByte()
		if err != nil {
			return 0, err
		}
		switch b {
		case '\n':
			s.line++
		case ' ', '\t', '\r':
		default:
			return b, nil
		}
	}
}

// New gives a scanner of a stream in UTF-8, with or without a byte order mark.
func New(in io.Reader) *Scanner {
	return &Scanner{in: bufio.NewReaderSize(in, 64<<10), line: 1}
}

// Next gives the next element, valid until it is called again, and the line where it begins; or what is wrong with it.
// An error is the input's.
func (s *Scanner) Next() (raw []byte, line int, problem string, err error) {
	if s.ended {
		return nil, s.line, "", io.EOF
	}
	if !s.begun {
		if err := s.open(); err != nil {
			return nil, s.line, "", err
		}
		s.begun = true
	}
	b, err := s.blank()
	if s.array {
		if errors.Is(err, io.EOF) {
			s.ended = true
			return nil, s.line, "breaks off: the array is not closed", nil
		}
		if err == nil && b == ']' {
			s.ended = true
			if _, err := s.blank(); err == nil {
				return nil, s.line, "goes on after the end of the array", nil
			} else if !errors.Is(err, io.EOF) {
				return nil, s.line, "", err
			}
			return nil, s.line, "", io.EOF
		}
		if err == nil && s.given {
			// An element ends before a comma or a bracket, so this is the comma.
			if _, err = s.blank(); errors.Is(err, io.EOF) {
				s.ended = true
				return nil, s.line, "breaks off: the array is not closed", nil
			}
		}
	}
	if err != nil {
		return nil, s.line, "", err
	}
	s.given = true
	line = s.line
	if err := s.in.UnreadByte(); err != nil {
		return nil, line, "", err
	}
	long, err := s.take()
	switch {
	case err != nil:
		return nil, line, "", err
	case long:
		return nil, line, fmt.Sprintf("is longer than %d bytes", MaxRow), nil
	}
	return s.buf, line, "", nil
}

// take reads an element up to the comma or bracket after it, or a line up to its end, and reports whether it was too long
// to be kept.
func (s *Scanner) take() (long bool, err error) {
	s.buf = s.buf[:0]
	depth, quoted, escaped := 0, false, false
	for {
		b, err := s.in.ReadByte()
		if errors.Is(err, io.EOF) {
			return long, nil
		}
		if err != nil {
			return long, err
		}
		if b == '\n' {
			s.line++
		}
		if s.array {
			switch {
			case escaped:
				escaped = false
			case quoted:
				escaped, quoted = b == '\\', b != '"'
			case b == '"':
				quoted = true
			case b == '{' || b == '[':
				depth++
			case depth == 0 && (b == ',' || b == ']'):
				return long, s.in.UnreadByte()
			case depth > 0 && (b == '}' || b == ']'):
				depth--
			}
		} else if b == '\n' {
			return long, nil
		}
		if len(s.buf) == MaxRow {
			long = true
			continue
		}
		s.buf = append(s.buf, b)
	}
}
