package media

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"sync"
	"testing"
)

func TestTable(t *testing.T) {
	tab := newTable[addrKey]()
	key := func(i int) addrKey {
		return keyOf(netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), uint16(i)))
	}
	a, b := &leg{}, &leg{}
	const n = 1000
	for i := range n {
		if old := tab.set(key(i), a); old != nil {
			t.Fatalf("key %d was there", i)
		}
	}
	if old := tab.set(key(7), b); old != a || tab.find(key(7)) != b || tab.len() != n {
		t.Error("not replaced")
	}
	tab.remove(key(7), a)
	if tab.find(key(7)) != b {
		t.Error("removed by who does not hold it")
	}
	for i := range n {
		tab.remove(key(i), a)
		tab.remove(key(i), b)
	}
	if tab.len() != 0 || tab.find(key(3)) != nil || len(*tab.rows.Load()) != minRows {
		t.Errorf("%d keys in %d rows left", tab.len(), len(*tab.rows.Load()))
	}
	addr := netip.MustParseAddrPort("[2001:db8::1]:4000")
	tab.set(keyOf(addr), a)
	if allocs := testing.AllocsPerRun(100, func() { tab.find(keyOf(addr)) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

// TestTableUnderReaders: who looks a key up while the table grows, shrinks and changes finds it whenever it is there.
func TestTableUnderReaders(t *testing.T) {
	tab := newTable[ufragKey]()
	key := func(i int) (k ufragKey) { binary.BigEndian.PutUint32(k[:], uint32(i)); return k }
	kept, other := &leg{}, &leg{}
	const n = 50
	for i := range n {
		tab.set(key(i), kept)
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if tab.find(key(i%n)) == nil {
					t.Errorf("key %d is gone", i%n)
					return
				}
			}
		})
	}
	for range 30 {
		for i := n; i < 40*n; i++ {
			tab.set(key(i), other)
		}
		for i := range n {
			tab.set(key(i), other)
		}
		for i := n; i < 40*n; i++ {
			tab.remove(key(i), other)
		}
	}
	close(stop)
	readers.Wait()
	if tab.len() != n {
		t.Errorf("%d keys", tab.len())
	}
}

func TestHandoverQueue(t *testing.T) {
	q := newHandover()
	l := &leg{}
	t.Run("bounded", func(t *testing.T) {
		for i := range handoverSlots {
			if !q.put(l, path{}, []byte{byte(i)}) {
				t.Fatalf("full after %d", i)
			}
		}
		if q.put(l, path{}, nil) {
			t.Error("more than it holds")
		}
		for i := range handoverSlots {
			if _, _, pkt, ok := q.take(); !ok || len(pkt) != 1 || pkt[0] != byte(i) {
				t.Fatalf("packet %d: %x", i, pkt)
			}
		}
		if _, _, _, ok := q.take(); ok || q.put(l, path{}, nil) {
			t.Error("a slot was given back before it was freed")
		}
		q.free()
		if !q.put(l, path{}, nil) {
			t.Error("no room after free")
		}
		if got, _, _, ok := q.take(); !ok || got != l {
			t.Error("not taken")
		}
		q.free()
	})
	t.Run("long packets", func(t *testing.T) {
		for _, size := range []int{handoverSmall - tailRoom, handoverSmall - tailRoom + 1, maxDatagram} {
			pkt := make([]byte, size)
			pkt[0], pkt[size-1] = 1, 2
			q.put(l, path{}, pkt)
			_, _, got, ok := q.take()
			if !ok || !bytes.Equal(got, pkt) || cap(got)-len(got) < tailRoom {
				t.Errorf("%d bytes: %d with room for %d more", size, len(got), cap(got)-len(got))
			}
			q.free()
		}
	})
	t.Run("many put", func(t *testing.T) {
		const producers, each = 3, 5000
		var wg sync.WaitGroup
		for p := range producers {
			wg.Go(func() {
				var pkt [8]byte
				pkt[0] = byte(p)
				for i := range each {
					for binary.BigEndian.PutUint32(pkt[4:], uint32(i)); !q.put(l, path{}, pkt[:]); {
					}
				}
			})
		}
		var next [producers]uint32
		for got := 0; got < producers*each; {
			_, _, pkt, ok := q.take()
			if !ok {
				q.free()
				continue
			}
			if i := binary.BigEndian.Uint32(pkt[4:]); i != next[pkt[0]] {
				t.Fatalf("packet %d of %d, want %d", i, pkt[0], next[pkt[0]])
			}
			next[pkt[0]]++
			got++
		}
		wg.Wait()
		q.free()
	})
}
