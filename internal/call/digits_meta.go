package call

import (
	"strings"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// metaTime is how long the second key may take, METADIGIT_TIMEOUT of FreeSWITCH.
const metaTime = 5 * time.Second

// metaKeys are the keys that a peer may press within a bridge to run an application: the meta key, then 0 to 9.
type metaKeys struct {
	bound [10]*metaBinding
	began time.Time // when the meta key was pressed, zero for not
	key   byte
}

// metaBinding is one key.
type metaBinding struct {
	app     string
	data    dialplan.Expanded
	respond byte // 'a', 'b', 's'ame or 'o'pposite leg
	once    bool
}

// appBindMetaApp binds a key: KEY LISTEN RESPOND[i][1] APP[::DATA]. LISTEN is a, b or ab: which leg of the bridge may press it. RESPOND
// is the leg that runs it: a, b, s(ame) or o(pposite).
func appBindMetaApp(ch *Channel, data dialplan.Expanded) string {
	key, data := field(data)
	listen, data := field(data)
	respond, data := field(data)
	if len(key) != 1 || key[0] < '0' || key[0] > '9' {
		ch.log.Warn("bind_meta_app needs a key from 0 to 9", "key", headerText(key))
		return responseNone
	}
	name, args := cutApp(data)
	if name == "" {
		ch.unbindMeta(key[0]-'0', listen)
		return responseNone
	}
	m := &metaBinding{app: name, data: args, respond: 's'}
	for _, flag := range []byte(strings.ToLower(respond)) {
		switch flag {
		case 'a', 'b', 's', 'o':
			m.respond = flag
		case '1':
			m.once = true
		}
	}
	listen = strings.ToLower(listen)
	if strings.Contains(listen, "a") {
		ch.sound.meta.bind(key[0]-'0', m, ch.metaStart())
	}
	if strings.Contains(listen, "b") {
		ch.sound.far.bind(key[0]-'0', m, ch.metaStart())
		if far := ch.bridgedTo; far != nil {
			keys := ch.sound.far
			far.box.put(func() { far.sound.meta.merge(keys) })
		}
	}
	return responseNone
}

// metaStart is the key before the key: the variable bind_meta_key, or the star.
func (ch *Channel) metaStart() byte {
	if k := ch.vars.value("bind_meta_key"); len(k) == 1 && strings.Contains("0123456789*#ABCD", k) {
		return k[0]
	}
	return '*'
}

func (k *metaKeys) bind(n byte, m *metaBinding, start byte) {
	k.bound[n], k.key = m, start
}

// merge takes over what the calling leg bound for its called leg.
func (k *metaKeys) merge(from metaKeys) {
	for i, m := range from.bound {
		if m != nil {
			k.bound[i] = m
		}
	}
	if from.key != 0 {
		k.key = from.key
	}
}

// appUnbindMetaApp takes keys away: [KEY [LISTEN]], all without one.
func appUnbindMetaApp(ch *Channel, data dialplan.Expanded) string {
	key, data := field(data)
	listen, _ := field(data)
	if len(key) == 1 && key[0] >= '0' && key[0] <= '9' {
		ch.unbindMeta(key[0]-'0', listen)
		return responseNone
	}
	for n := range byte(10) {
		ch.unbindMeta(n, listen)
	}
	return responseNone
}

func (ch *Channel) unbindMeta(n byte, listen string) {
	listen = strings.ToLower(listen)
	if listen == "" || strings.Contains(listen, "a") {
		ch.sound.meta.bound[n] = nil
	}
	if listen == "" || strings.Contains(listen, "b") {
		ch.sound.far.bound[n] = nil
		if far := ch.bridgedTo; far != nil {
			far.box.put(func() { far.sound.meta.bound[n] = nil })
		}
	}
}

// metaKey handles a digit within a bridge; true says that it was a key and is for nobody else. The meta key pressed twice is itself.
func (ch *Channel) metaKey(digit byte) bool {
	k := &ch.sound.meta
	if k.key == 0 {
		return false
	}
	waiting := !k.began.IsZero() && time.Since(k.began) <= metaTime
	k.began = time.Time{}
	switch {
	case digit == k.key && !waiting:
		k.began = time.Now()
		return true
	case digit == k.key || !waiting:
		return false
	case digit < '0' || digit > '9' || k.bound[digit-'0'] == nil:
		return true
	}
	m := k.bound[digit-'0']
	if m.once {
		k.bound[digit-'0'] = nil
	}
	ch.runMeta(m)
	return true
}

// runMeta runs what a key is bound to, on the leg that it is for.
func (ch *Channel) runMeta(m *metaBinding) {
	on := ch
	if isA := ch.direction == inbound; m.respond == 'o' || m.respond == 'a' && !isA || m.respond == 'b' && isA {
		on = ch.bridgedTo
	}
	if on == nil {
		return
	}
	on.box.put(func() {
		if !on.hungUp {
			on.executeApp(m.app, m.data)
		}
	})
}

// field takes the first word off; what came from the wire separates nothing.
func field(data dialplan.Expanded) (string, dialplan.Expanded) {
	var b strings.Builder
	for i, v := range data {
		text := v.Text
		if b.Len() == 0 && !v.Wire {
			text = strings.TrimLeft(text, " ")
		}
		if !v.Wire {
			if before, after, found := strings.Cut(text, " "); found {
				b.WriteString(before)
				return b.String(), append(dialplan.Expanded{{Text: after}}, data[i+1:]...)
			}
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

// cutApp splits APP::DATA, or APP DATA.
func cutApp(data dialplan.Expanded) (string, dialplan.Expanded) {
	if len(data) == 0 || data[0].Wire {
		return "", nil
	}
	if name, rest, ok := strings.Cut(data[0].Text, "::"); ok {
		return strings.TrimSpace(name), append(dialplan.Expanded{{Text: rest}}, data[1:]...)
	}
	return field(data)
}
