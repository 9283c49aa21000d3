package sip

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const tableShards = 32

// table is a map in shards, so that connections do not wait for one lock.
type table[V comparable] struct {
	seed   maphash.Seed
	size   atomic.Int64
	shards [tableShards]struct {
		mu sync.Mutex // guards m
		m  map[string]V
	}
}

func newTable[V comparable]() *table[V] {
	t := &table[V]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].m = map[string]V{}
	}
	return t
}

func (t *table[V]) get(key string) (V, bool) {
	sh := &t.shards[maphash.String(t.seed, key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v, ok := sh.m[key]
	return v, ok
}

// add stores v unless the key is taken.
func (t *table[V]) add(key string, v V) bool {
	sh := &t.shards[maphash.String(t.seed, key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, taken := sh.m[key]; taken {
		return false
	}
	sh.m[key] = v
	t.size.Add(1)
	return true
}

// remove deletes the key if it still holds v.
func (t *table[V]) remove(key string, v V) {
	sh := &t.shards[maphash.String(t.seed, key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.m[key] == v {
		if _, ok := sh.m[key]; ok {
			delete(sh.m, key)
			t.size.Add(-1)
		}
	}
}

func (t *table[V]) len() int { return int(t.size.Load()) }

// all returns the values of the moment.
func (t *table[V]) all() []V {
	var vs []V
	for i := range t.shards {
		sh := &t.shards[i]
		sh.mu.Lock()
		for _, v := range sh.m {
			vs = append(vs, v)
		}
		sh.mu.Unlock()
	}
	return vs
}
