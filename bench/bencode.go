package bench

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// Bencode is the encoding of rtpengine's control protocol: strings "4:spam", integers "i3e", lists "l…e" and dictionaries "d…e".

var errBencode = errors.New("malformed bencode")

const bencodeDepth = 16

// appendBencode encodes a string, an int, a []string or a map[string]any of these.
func appendBencode(b []byte, v any) []byte {
	switch v := v.(type) {
	case string:
		b = append(strconv.AppendInt(b, int64(len(v)), 10), ':')
		return append(b, v...)
	case int:
		return append(strconv.AppendInt(append(b, 'i'), int64(v), 10), 'e')
	case []string:
		b = append(b, 'l')
		for _, s := range v {
			b = appendBencode(b, s)
		}
		return append(b, 'e')
	case map[string]any:
		b = append(b, 'd')
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendBencode(appendBencode(b, k), v[k])
		}
		return append(b, 'e')
	}
	panic(fmt.Sprintf("bencode of a %T", v)) // ours, never the peer's
}

// parseBencode decodes one value: string, int, []any or map[string]any. Nothing may follow it.
func parseBencode(b []byte) (any, error) {
	v, rest, err := bencodeValue(b, 0)
	if err == nil && len(rest) > 0 {
		err = errBencode
	}
	return v, err
}

func bencodeValue(b []byte, depth int) (v any, rest []byte, err error) {
	if len(b) == 0 || depth > bencodeDepth {
		return nil, nil, errBencode
	}
	switch b[0] {
	case 'i':
		n, rest, err := bencodeNumber(b[1:], 'e')
		return n, rest, err
	case 'l':
		list := []any{}
		for rest = b[1:]; len(rest) > 0 && rest[0] != 'e'; list = append(list, v) {
			if v, rest, err = bencodeValue(rest, depth+1); err != nil {
				return nil, nil, err
			}
		}
		return list, rest[min(1, len(rest)):], closed(rest)
	case 'd':
		dict := map[string]any{}
		for rest = b[1:]; len(rest) > 0 && rest[0] != 'e'; {
			var key string
			if key, rest, err = bencodeString(rest); err != nil {
				return nil, nil, err
			}
			if dict[key], rest, err = bencodeValue(rest, depth+1); err != nil {
				return nil, nil, err
			}
		}
		return dict, rest[min(1, len(rest)):], closed(rest)
	}
	return bencodeStringValue(b)
}

// closed is an error when a list or dictionary had no end.
func closed(rest []byte) error {
	if len(rest) == 0 {
		return errBencode
	}
	return nil
}

func bencodeStringValue(b []byte) (any, []byte, error) {
	s, rest, err := bencodeString(b)
	return s, rest, err
}

func bencodeString(b []byte) (string, []byte, error) {
	n, rest, err := bencodeNumber(b, ':')
	if err != nil || n < 0 || n > len(rest) {
		return "", nil, errBencode
	}
	return string(rest[:n]), rest[n:], nil
}

func bencodeNumber(b []byte, end byte) (int, []byte, error) {
	i := slices.Index(b, end)
	if i < 0 || i > 20 {
		return 0, nil, errBencode
	}
	n, err := strconv.Atoi(string(b[:i]))
	if err != nil {
		return 0, nil, errBencode
	}
	return n, b[i+1:], nil
}
