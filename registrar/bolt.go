package registrar

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// boltStore is a Store in one file.
type boltStore struct{ db *bbolt.DB }

const boltBucket = "registrations-1"

// OpenBolt opens or creates the file at path as a Store. It fails rather than waits when another process has it open.
func OpenBolt(path string) (Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("registrar: open %s: %w", path, err)
	}
	made := false
	err = db.View(func(tx *bbolt.Tx) error { // looking costs no write to the disk
		made = tx.Bucket([]byte(boltBucket)) != nil
		return nil
	})
	if err == nil && !made {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket([]byte(boltBucket))
			return err
		})
	}
	if err != nil {
		_ = db.Close()
		return nil, fmt.Errorf("registrar: open %s: %w", path, err)
	}
	return &boltStore{db}, nil
}

func (s *boltStore) Load() (map[string][]byte, error) {
	out := make(map[string][]byte)
	err := s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket([]byte(boltBucket)).ForEach(func(k, v []byte) error {
			out[string(k)] = append([]byte(nil), v...)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("registrar: load: %w", err)
	}
	return out, nil
}

func (s *boltStore) Apply(changes map[string][]byte) error {
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(boltBucket))
		for k, v := range changes {
			if v == nil {
				if err := b.Delete([]byte(k)); err != nil {
					return err
				}
				continue
			}
			if err := b.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("registrar: store: %w", err)
	}
	return nil
}

func (s *boltStore) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("registrar: close: %w", err)
	}
	return nil
}
