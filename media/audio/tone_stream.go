package audio

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
)

// Bounds of a tone script. FreeSWITCH renders a script into memory before it plays; here it is played as it is read, so that the bounds
// only guard against nonsense.
const (
	maxToneScript  = 16 << 10      // characters
	maxToneLines   = 4096          // lines of a file of tones
	maxToneMillis  = 24 * 3600_000 // length of one tone or one pause
	maxToneRepeats = 1 << 20       // of one instruction (l=), of the script (L=), of the whole (loops=)
	maxTonePitches = 18            // frequencies sounding together, libteletone's TELETONE_MAX_TONES
)

// Errors of a tone script. A script that FreeSWITCH would play in part is played in part: only what cannot make a sound is refused.
var (
	ErrToneScript = errors.New("audio: tone script")
	errToneEmpty  = fmt.Errorf("%w: makes no sound", ErrToneScript)
)

// ToneStream is a sound written in FreeSWITCH's tone language, as in tone_stream://%(2000,4000,440,480);loops=-1.
//
// A script is a chain of parts separated by ';':
//
//	%(on,off,f1,f2,…)  the frequencies together for on ms, then off ms of silence
//	1 2 … 9 0 * # A-D  a DTMF digit for d= ms, then w= ms of silence; 1(on,off) with its own times
//	v=-7               level in dBm0, -63 to 0
//	d=250 w=62         default length and pause of digits in ms
//	l=3                the next tone this often; -1 for ever
//	L=3                the whole script this often
//	>=2 <=2 +=.1       level falls or rises by .1 dB every 2 ms within each tone (1 dB without +=)
//	loops=3            at the end of the script: all of it this often; -1 for ever
//
// Differences from libteletone: c= and r= (channels, rate) are ignored, DTMF's third row is 852 Hz as ITU-T Q.23 wants, not 859, there
// is no offset of 128 in the samples, and the times d= and w= start out as 250 and 62 ms at every rate.
type ToneStream struct {
	lines []string
	loops int // how often still, this time included; negative: for ever
	rate  int

	settings toneSettings
	line     int        // being played
	rest     string     // of that line, still to read
	repeats  int        // of the line still to play (L=)
	counted  bool       // this line has set repeats: L= counts once
	tone     tone       // being played
	length   toneLength // of the last tone, for l=
	sounded  bool       // a tone was found since the start: a script without any ends
}

// toneSettings are what the parts before a tone set, with the defaults of libteletone.
type toneSettings struct {
	level     float64
	on, off   int64 // ms, of digits
	repeat    int   // l=
	direction float64
	decayMS   int64
	decayDB   float64
}

// toneLength is what a tone was made from.
type toneLength struct {
	pitches [maxTonePitches]float64
	count   int
	on, off int64 // ms
}

// NewToneStream returns the sound of a script, without the "tone_stream://" before it. loops is how often it plays, as in FreeSWITCH's
// {loops=N}: 0 leaves it to the script (once, if that does not say), -1 is for ever; it wins over the script's own ;loops=.
func NewToneStream(script string, rate, loops int) (*ToneStream, error) {
	script, loops = cutLoops(script, loops)
	return newToneLines([]string{script}, rate, loops)
}

// cutLoops takes ;loops=N off a script, in any case of letters, with what follows it. A number of loops that is given already stays.
func cutLoops(script string, loops int) (string, int) {
	const mark = ";loops="
	for i := 0; i+len(mark) <= len(script); i++ {
		if strings.EqualFold(script[i:i+len(mark)], mark) {
			if loops == 0 {
				loops = int(leadingInt(script[i+len(mark):]))
			}
			return script[:i], loops
		}
	}
	return script, loops
}

// NewToneFile returns the sound of a file of tones (.ttml in the stock tree, tone_stream://path=FILE): each line is a script, and what
// one sets holds for the next.
func NewToneFile(content io.Reader, rate, loops int) (*ToneStream, error) {
	b, err := io.ReadAll(io.LimitReader(content, maxToneScript+1))
	if err != nil {
		return nil, fmt.Errorf("audio: tone file: %w", err)
	}
	return newToneLines(strings.Split(string(b), "\n"), rate, loops)
}

func newToneLines(lines []string, rate, loops int) (*ToneStream, error) {
	size := 0
	for _, l := range lines {
		size += len(l)
	}
	switch {
	case !rateOK(rate):
		return nil, fmt.Errorf("%w: %d", ErrRate, rate)
	case size > maxToneScript || len(lines) > maxToneLines:
		return nil, fmt.Errorf("%w: longer than %d characters", ErrToneScript, maxToneScript)
	}
	if loops == 0 {
		loops = 1
	}
	t := &ToneStream{lines: lines, loops: min(loops, maxToneRepeats), rate: rate}
	t.restart()
	if !t.nextTone() {
		return nil, errToneEmpty
	}
	return t, nil
}

// Rate is the rate it was made with.
func (t *ToneStream) Rate() int { return t.rate }

// Read generates the next samples.
func (t *ToneStream) Read(samples []int16) (int, error) {
	n := 0
	for n < len(samples) {
		if t.tone.ended() && !t.nextTone() && !t.again() {
			break
		}
		n += t.tone.read(samples[n:])
	}
	if n == 0 && len(samples) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// restart goes back to the first line with the default settings.
func (t *ToneStream) restart() {
	t.settings = toneSettings{level: defaultLevel, on: 250, off: 62, decayDB: 1}
	t.line, t.sounded = 0, false
	t.startLine()
}

func (t *ToneStream) startLine() {
	t.repeats, t.counted = 0, false
	if t.line < len(t.lines) {
		t.rest = t.lines[t.line]
	}
}

// again starts the whole over, if there is another time to play.
func (t *ToneStream) again() bool {
	if t.loops > 0 {
		t.loops--
	}
	if t.loops == 0 || !t.sounded {
		return false
	}
	t.restart()
	return t.nextTone()
}

// nextTone goes on to the next tone of the script, over lines and their repetitions. It is false at the end.
func (t *ToneStream) nextTone() bool {
	if t.settings.repeat < 0 || t.settings.repeat > 1 {
		if t.sounded {
			if t.settings.repeat > 0 {
				t.settings.repeat--
			}
			t.tone = newTone(t.length, t.settings, t.rate)
			return true
		}
	} else if t.sounded {
		t.settings.repeat = 0
	}
	for t.line < len(t.lines) {
		if t.step() {
			return true
		}
		if t.rest != "" {
			continue
		}
		// The end of the line: once more, or on to the next one.
		if t.repeats > 0 {
			t.repeats--
		}
		if t.repeats > 0 && t.sounded {
			t.rest = t.lines[t.line]
			continue
		}
		t.line++
		t.startLine()
	}
	return false
}

// step reads one part or one tone of the line. It is true when that is a tone with a length.
func (t *ToneStream) step() bool {
	t.rest = strings.TrimLeft(t.rest, " \r\n;")
	if t.rest == "" {
		return false
	}
	part, after, _ := strings.Cut(t.rest, ";")
	if len(part) > 1 && part[1] == '=' {
		t.set(part[0], part[2:])
		t.rest = after
		return false
	}
	length, used, ok := parseTone(part, t.settings)
	if !ok {
		// libteletone gives up on the rest of the line at a syntax error.
		t.rest = ""
		return false
	}
	t.rest = t.rest[used:]
	if length.count == 0 || length.on+length.off == 0 {
		return false
	}
	t.length, t.sounded = length, true
	t.tone = newTone(length, t.settings, t.rate)
	return true
}

// set takes one x=value part.
func (t *ToneStream) set(name byte, value string) {
	s := &t.settings
	switch name {
	case 'v':
		if v := leadingFloat(value); v >= minLevel && v <= maxLevel {
			s.level = v
		}
	case 'd':
		s.on = millis(value)
	case 'w':
		s.off = millis(value)
	case 'l':
		s.repeat = int(min(leadingInt(value), maxToneRepeats))
	case 'L':
		if n := leadingInt(value); n > 0 && !t.counted {
			t.repeats, t.counted = int(min(n, maxToneRepeats)), true
		}
	case '>':
		s.direction, s.decayMS = -1, millis(value)
	case '<':
		s.direction, s.decayMS = 1, millis(value)
	case '+':
		s.decayDB = min(max(leadingFloat(value), 0), -minLevel)
	}
}

// parseTone reads the tone at the start of part and tells how many characters it took. A character that means nothing is no tone and
// no error, as is a tone whose first frequency is 0.
func parseTone(part string, s toneSettings) (length toneLength, used int, ok bool) {
	length.on, length.off = s.on, s.off
	c, used := part[0], 1
	digit, isDigit := dtmfPitches(c)
	fields := 0
	if len(part) > 1 && part[1] == '(' {
		inside, _, closed := strings.Cut(part[2:], ")")
		used += 1 + len(inside)
		if closed {
			used++
		}
		fields = length.fields(inside)
	}
	switch {
	case c == '%' && fields > 2:
		if length.pitches[0] < 0 {
			length.on = 0 // a pause without a tone
		}
		return length, used, true
	case c == '%' && fields > 0, c != '%' && fields != 0 && fields != 2:
		return toneLength{}, used, false
	case isDigit && c < 'a':
		length.pitches[0], length.pitches[1], length.count = digit[0], digit[1], 2
		return length, used, true
	}
	return toneLength{}, used, true
}

// fields reads on, off and frequencies, and returns how many there were.
func (l *toneLength) fields(inside string) int {
	n, more := 0, true
	for more && n < maxTonePitches+2 {
		var field string
		field, inside, more = strings.Cut(inside, ",")
		switch n {
		case 0:
			l.on = millis(field)
		case 1:
			l.off = millis(field)
		default:
			// The list of frequencies ends at a zero, whatever follows.
			if f := leadingFloat(field); l.count == n-2 && f != 0 {
				l.pitches[l.count] = f
				l.count++
			}
		}
		n++
	}
	return n
}

// millis reads a length in ms as C's atoi does, within bounds.
func millis(s string) int64 { return min(max(leadingInt(s), 0), maxToneMillis) }

// leadingInt is C's atoi: blanks, a sign, digits, and whatever follows does not matter. It stays within 32 bits.
func leadingInt(s string) int64 {
	s = strings.TrimLeft(s, " \t\r\n")
	negative := strings.HasPrefix(s, "-")
	if negative || strings.HasPrefix(s, "+") {
		s = s[1:]
	}
	v := int64(0)
	for i := 0; i < len(s) && s[i] >= '0' && s[i] <= '9'; i++ {
		v = min(v*10+int64(s[i]-'0'), math.MaxInt32)
	}
	if negative {
		return -v
	}
	return v
}

// leadingFloat is C's atof for plain decimal numbers.
func leadingFloat(s string) float64 {
	s = strings.TrimLeft(s, " \t\r\n")
	sign := 1.0
	if strings.HasPrefix(s, "-") || strings.HasPrefix(s, "+") {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	v, unit, fraction := 0.0, 1.0, false
	for i := 0; i < len(s) && i < 32; i++ {
		switch {
		case s[i] == '.' && !fraction:
			fraction = true
		case s[i] >= '0' && s[i] <= '9':
			v = v*10 + float64(s[i]-'0')
			if fraction {
				unit *= 10
			}
		default:
			return sign * v / unit
		}
	}
	return sign * v / unit
}
