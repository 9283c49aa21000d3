package call

import (
	"container/list"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/talkpath/talkpath/internal/dialplan"
)

// Bounds of what calls can put into the stores. Beyond them the oldest goes.
const (
	maxStored      = 100_000
	maxStoredValue = 64 << 10
)

// Database keeps what the application db and the groups store, by realm and key. It must be safe for concurrent use and must not block
// for long.
type Database interface {
	Put(realm, key, value string) error
	Delete(realm, key string) error
	Find(realm, key string) (string, bool)
	// Each calls f for every entry of a realm ("": of all), in order of realm and key, until f says false.
	Each(realm string, f func(realm, key, value string) bool)
}

// Store is what calls remember beyond their end: hash (in memory), db and groups, and the counters of limit. It is safe for concurrent
// use.
type Store struct {
	hash *table
	db   Database

	mu     sync.Mutex // guards counts
	counts map[limitKey]*limitCount
	now    func() time.Time
}

// NewStore makes a store. db nil keeps that part in memory too.
func NewStore(db Database) *Store {
	if db == nil {
		db = newTable()
	}
	return &Store{hash: newTable(), db: db, counts: map[limitKey]*limitCount{}, now: time.Now}
}

// Store is the core's.
func (c *Core) Store() *Store { return c.store }

// table is a Database in memory.
type table struct {
	mu      sync.Mutex // guards what follows
	entries map[entryKey]*list.Element
	order   *list.List // of entry, the oldest first
}

type entryKey struct{ realm, key string }

type entry struct {
	entryKey
	value string
}

func newTable() *table { return &table{entries: map[entryKey]*list.Element{}, order: list.New()} }

// Put implements Database.
func (t *table) Put(realm, key, value string) error {
	t.put(realm, key, value, false)
	return nil
}

// put stores a value and says whether it did; with ifEmpty it replaces none.
func (t *table) put(realm, key, value string, ifEmpty bool) bool {
	if len(value) > maxStoredValue {
		value = value[:maxStoredValue]
	}
	k := entryKey{realm, key}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e, ok := t.entries[k]; ok {
		if ifEmpty {
			return false
		}
		t.order.Remove(e)
	} else if len(t.entries) >= maxStored {
		oldest := t.order.Front()
		delete(t.entries, t.order.Remove(oldest).(entry).entryKey)
	}
	t.entries[k] = t.order.PushBack(entry{k, value})
	return true
}

// Delete implements Database.
func (t *table) Delete(realm, key string) error {
	t.remove(realm, key, nil)
	return nil
}

// remove deletes an entry, with match only one of that value. found says whether there was one.
func (t *table) remove(realm, key string, match *string) (found, removed bool) {
	k := entryKey{realm, key}
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[k]
	if !ok || match != nil && e.Value.(entry).value != *match {
		return ok, false
	}
	t.order.Remove(e)
	delete(t.entries, k)
	return true, true
}

// Find implements Database.
func (t *table) Find(realm, key string) (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	e, ok := t.entries[entryKey{realm, key}]
	if !ok {
		return "", false
	}
	return e.Value.(entry).value, true
}

// Each implements Database.
func (t *table) Each(realm string, f func(realm, key, value string) bool) {
	t.mu.Lock()
	var all []entry
	for e := t.order.Front(); e != nil; e = e.Next() {
		if x := e.Value.(entry); realm == "" || x.realm == realm {
			all = append(all, x)
		}
	}
	t.mu.Unlock()
	slices.SortFunc(all, func(a, b entry) int {
		if c := strings.Compare(a.realm, b.realm); c != 0 {
			return c
		}
		return strings.Compare(a.key, b.key)
	})
	for _, x := range all {
		if !f(x.realm, x.key, x.value) {
			return
		}
	}
}

// Usages and answers of the commands hash and db.
const (
	hashUsage = "-USAGE: insert|insert_ifempty|delete|delete_ifmatch|select/<realm>/<key>/<value>\n"
	dbUsage   = "-USAGE: [insert|delete|select|exists|count|list]/<realm>/<key>/<value>\n"
)

// Hash is the command hash, mod_hash: insert|insert_ifempty|delete|delete_ifmatch|select/realm/key[/value].
func (s *Store) Hash(args string) string {
	a := strings.SplitN(args, "/", 4)
	verb := strings.ToLower(a[0])
	if len(a) < 3 || len(a) < 4 && (strings.HasPrefix(verb, "insert") || verb == "delete_ifmatch") {
		return hashUsage
	}
	switch verb {
	case "insert":
		s.hash.put(a[1], a[2], a[3], false)
		return "+OK\n"
	case "insert_ifempty":
		if !s.hash.put(a[1], a[2], a[3], true) {
			return "-ERR key already exists\n"
		}
		return "+OK\n"
	case "delete", "delete_ifmatch":
		var match *string
		if verb == "delete_ifmatch" {
			match = &a[3]
		}
		found, removed := s.hash.remove(a[1], a[2], match)
		switch {
		case !found:
			return "-ERR Not found\n"
		case !removed:
			return "-ERR Doesn't match\n"
		}
		return "+OK\n"
	case "select":
		value, _ := s.hash.Find(a[1], a[2])
		return value
	}
	return hashUsage
}

// DB is the command db, mod_db: insert|delete|select|exists|count|list/realm/key[/value].
func (s *Store) DB(args string) string {
	a := strings.SplitN(args, "/", 4)
	for len(a) < 3 {
		a = append(a, "")
	}
	verb := strings.ToLower(a[0])
	switch {
	case verb == "insert" && len(a) == 4:
		return okOr(s.db.Put(a[1], a[2], a[3]))
	case verb == "delete" && a[2] != "":
		return okOr(s.db.Delete(a[1], a[2]))
	case verb == "select" && a[2] != "":
		value, _ := s.db.Find(a[1], a[2])
		return value
	case verb == "exists" && a[2] != "":
		if _, ok := s.db.Find(a[1], a[2]); ok {
			return "true"
		}
		return "false"
	case verb == "count":
		n := uint64(0)
		s.db.Each(a[1], func(string, string, string) bool { n++; return true })
		return decimal(n)
	case verb == "list":
		return s.list(a[1])
	}
	return dbUsage
}

// list names the keys of a realm, or the realms.
func (s *Store) list(realm string) string {
	var names []string
	s.db.Each(realm, func(r, key, _ string) bool {
		if realm == "" {
			key = r
		}
		if len(names) == 0 || names[len(names)-1] != key {
			names = append(names, key)
		}
		return true
	})
	return strings.Join(names, ",")
}

func okOr(err error) string {
	if err != nil {
		return "-ERR " + headerText(err.Error()) + "\n"
	}
	return "+OK"
}

// function evaluates ${hash()}, ${db()}, ${group()} and ${limit_usage()} of the dialplan: the commands of these names.
func (s *Store) function(name, args string) (string, bool) {
	switch strings.ToLower(name) {
	case "hash":
		return s.Hash(args), true
	case "db":
		return s.DB(args), true
	case "group":
		return s.Group(args), true
	case "limit_usage":
		return s.LimitUsage(args), true
	}
	return "", false
}

// storeData puts the arguments of hash and db, cut at the slashes that the dialplan wrote, into the verb, realm, key and value.
func storeData(data dialplan.Expanded) []string {
	var out []string
	for _, p := range data.Split('/', 4) {
		out = append(out, p.String())
	}
	return out
}

// appHash is hash insert|insert_ifempty|delete|delete_ifmatch/realm/key[/value].
func appHash(ch *Channel, data dialplan.Expanded) string {
	h, a := ch.core.store.hash, storeData(data)
	switch verb := strings.ToLower(a[0]); {
	case len(a) == 4 && verb == "insert":
		h.put(a[1], a[2], a[3], false)
	case len(a) == 4 && verb == "insert_ifempty":
		h.put(a[1], a[2], a[3], true)
	case len(a) >= 3 && verb == "delete":
		h.remove(a[1], a[2], nil)
	case len(a) == 4 && verb == "delete_ifmatch":
		h.remove(a[1], a[2], &a[3])
	default:
		ch.log.Warn("hash needs insert/realm/key/value or delete/realm/key", "data", data.String())
	}
	return responseNone
}

// appDB is db insert|delete/realm/key[/value].
func appDB(ch *Channel, data dialplan.Expanded) string {
	d, a := ch.core.store.db, storeData(data)
	var err error
	switch verb := strings.ToLower(a[0]); {
	case len(a) == 4 && verb == "insert":
		err = d.Put(a[1], a[2], a[3])
	case len(a) >= 3 && verb == "delete":
		err = d.Delete(a[1], a[2])
	default:
		ch.log.Warn("db needs insert/realm/key/value or delete/realm/key", "data", data.String())
	}
	if err != nil {
		ch.log.Error("db", "error", err)
	}
	return responseNone
}
