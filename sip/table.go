package sip

import (
	"sync"
	"sync/atomic"
)

const tableShards = 32

// table is a map in shards, so that connections do not wait for one lock.
type table[K, V comparable] struct {
	hash   func(K) uint64
	size   atomic.Int64
	shards [tableShards]struct {
		mu sync.Mutex // guards m
		m  map[K]V
	}
}

func newTable[K, V comparable](hash func(K) uint64) *table[K, V] {
	t := &table[K, V]{hash: hash}
	for i := range t.shards {
		t.shards[i].m = map[K]V{}
	}
	return t
}

func (t *table[K, V]) get(key K) (V, bool) {
	sh := &t.shards[t.hash(key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v, ok := sh.m[key]
	return v, ok
}

// add stores v unless the key is taken.
func (t *table[K, V]) add(key K, v V) bool {
	sh := &t.shards[t.hash(key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if _, taken := sh.m[key]; taken {
		return false
	}
	sh.m[key] = v
	t.size.Add(1)
	return true
}

// swap stores v in the place of old, if the key still holds that.
func (t *table[K, V]) swap(key K, old, v V) bool {
	sh := &t.shards[t.hash(key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if now, ok := sh.m[key]; !ok || now != old {
		return false
	}
	sh.m[key] = v
	return true
}

// remove deletes the key if it still holds v.
func (t *table[K, V]) remove(key K, v V) {
	sh := &t.shards[t.hash(key)%tableShards]
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if now, ok := sh.m[key]; ok && now == v {
		delete(sh.m, key)
		t.size.Add(-1)
	}
}

func (t *table[K, V]) len() int { return int(t.size.Load()) }

// all returns the values of the moment.
func (t *table[K, V]) all() []V {
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
