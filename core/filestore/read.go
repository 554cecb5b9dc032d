package filestore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/flamingock/flamingock-go/core"
)

const (
	selectHead    = `SELECT no, head, crc FROM main.ledgers WHERE name = ?`
	selectRecords = `SELECT id, seq, body, crc FROM main.changes WHERE ledger = ?`
	selectEntries = `SELECT seq, body FROM main.entries WHERE id > ? AND id <= ? ORDER BY id LIMIT ?`
	selectEntry   = `SELECT body FROM main.entries WHERE id = ?`
)

// Load returns the ledger's head and the state of every change, as of one
// moment. A state that this version does not know, or that does not fit the
// head, is a *core.StoreError.
func (s *Store) Load(ctx context.Context, ledger string) (core.Snapshot, error) {
	snap := core.Snapshot{Records: map[string]core.Record{}}
	if err := core.CheckLedger(ledger); err != nil {
		return snap, err
	}
	err := s.reading(ctx, "load", func(c *conn) error {
		snap.Records = map[string]core.Record{}
		var err error
		if _, snap.Head, err = s.head(ctx, c, ledger); err != nil {
			return err
		}
		err = c.each(ctx, selectRecords, []any{ledger}, func(rows *sql.Rows) error {
			var id, body string
			var seq uint64
			var crc int64
			if err := rows.Scan(&id, &seq, &body, &crc); err != nil {
				return err
			}
			r, err := decodeRecord(ledger, id, seq, body, crc)
			if err != nil {
				return s.corrupt(err)
			}
			snap.Records[id] = r
			return nil
		})
		if err != nil {
			return err
		}
		return s.addsUp(ledger, snap)
	})
	if err != nil {
		return core.Snapshot{}, err
	}
	return snap, nil
}

// addsUp notices lost and left-over rows.
func (s *Store) addsUp(ledger string, snap core.Snapshot) error {
	var sum uint64
	for id, r := range snap.Records {
		if r.Seq > snap.Head.Seq {
			return s.corrupt(fmt.Errorf("ledger %s: change %s is at entry %d, but the last entry is %d", ledger, id, r.Seq, snap.Head.Seq))
		}
		sum += r.Seq
	}
	if sum != snap.Head.Sum {
		return s.corrupt(fmt.Errorf("ledger %s: the states of its %d changes add up to %d, and the head says %d", ledger, len(snap.Records), sum, snap.Head.Sum))
	}
	return nil
}

// head returns the ledger's number in this file and its head: 0 and the zero Head
// for a ledger that does not exist.
func (s *Store) head(ctx context.Context, c *conn, ledger string) (no int64, h core.Head, err error) {
	var body string
	var crc int64
	err = c.row(ctx, selectHead, []any{ledger}, &no, &body, &crc)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, core.Head{}, nil
	}
	if err != nil {
		return 0, core.Head{}, err
	}
	if h, err = decodeHead(ledger, body, crc); err != nil {
		return 0, core.Head{}, s.corrupt(err)
	}
	return no, h, nil
}

// History returns entries in the order of their seq. That none is missing before
// the last one, and that none was altered, is for core.VerifyChain to say, which
// names the entry; a history that ends before the head does is an error here.
func (s *Store) History(ctx context.Context, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	if err := core.CheckLedger(q.Ledger); err != nil {
		return page, err
	}
	err := s.reading(ctx, "history", func(c *conn) error {
		no, h, err := s.head(ctx, c, q.Ledger)
		if err != nil {
			return err
		}
		if q.ChangeID != "" {
			page, err = s.ofChange(ctx, c, no, q)
			return err
		}
		if page, err = s.inOrder(ctx, c, no, q); err != nil || page.Next != 0 {
			return err
		}
		return s.reachesHead(q, h, page)
	})
	if err != nil {
		return core.HistoryPage{}, err
	}
	return page, nil
}

func (s *Store) inOrder(ctx context.Context, c *conn, no int64, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	size := q.PageSize()
	after := min(q.AfterSeq, maxSeq)
	err := c.each(ctx, selectEntries, []any{entryID(no, after), entryID(no, maxSeq), size + 1}, func(rows *sql.Rows) error {
		var seq uint64
		var body string
		if err := rows.Scan(&seq, &body); err != nil {
			return err
		}
		if len(page.Entries) == size { // the one more that was asked for
			page.Next = page.Entries[size-1].Seq
			return nil
		}
		e, err := decodeEntry(q.Ledger, seq, body)
		if err != nil {
			return s.corrupt(err)
		}
		page.Entries = append(page.Entries, e)
		return nil
	})
	return page, err
}

// maxSeq is the largest number that an entry's key has room for.
const maxSeq = 1<<40 - 1

// ofChange goes back from a change's last entry to the one before it, and so on.
func (s *Store) ofChange(ctx context.Context, c *conn, no int64, q core.HistoryQuery) (core.HistoryPage, error) {
	var page core.HistoryPage
	var seq uint64
	err := c.row(ctx, selectSeq, []any{q.Ledger, q.ChangeID}, &seq)
	if errors.Is(err, sql.ErrNoRows) {
		return page, nil
	}
	for err == nil && seq > q.AfterSeq {
		var body string
		if err = c.row(ctx, selectEntry, []any{entryID(no, min(seq, maxSeq))}, &body); err != nil {
			break
		}
		e, derr := decodeEntry(q.Ledger, seq, body)
		if derr != nil {
			return page, s.corrupt(derr)
		}
		if e.ChangeID != q.ChangeID || e.PrevSeq >= e.Seq {
			return page, s.corrupt(fmt.Errorf("entry %d of ledger %s: change %s does not lead back from it", seq, q.Ledger, q.ChangeID))
		}
		page.Entries = append(page.Entries, e)
		seq = e.PrevSeq
	}
	if errors.Is(err, sql.ErrNoRows) {
		return page, s.corrupt(fmt.Errorf("entry %d of ledger %s: it is missing, and change %s names it", seq, q.Ledger, q.ChangeID))
	}
	slices.Reverse(page.Entries)
	if size := q.PageSize(); len(page.Entries) > size {
		page.Entries = page.Entries[:size:size]
		page.Next = page.Entries[size-1].Seq
	}
	return page, err
}

// reachesHead notices that the end of the history was lost.
func (s *Store) reachesHead(q core.HistoryQuery, h core.Head, last core.HistoryPage) error {
	end := q.AfterSeq
	if n := len(last.Entries); n > 0 {
		end = last.Entries[n-1].Seq
	}
	if end < h.Seq {
		return s.corrupt(fmt.Errorf("ledger %s: no entry after %d is there, and the head says %d", q.Ledger, end, h.Seq))
	}
	return nil
}

// reading runs work on one consistent state. On a read-only store without a file
// it does not run: what work would have filled stays empty.
func (s *Store) reading(ctx context.Context, op string, work func(c *conn) error) error {
	if s.opts.ReadOnly && s.folded() {
		// Nobody is writing. To open the file otherwise would make SQLite's log beside
		// it, which another user might then not be able to write.
		err := s.readingFrozen(ctx, op, work)
		var written *core.UnavailableError
		if !errors.As(err, &written) {
			return err
		}
	}
	c, err := s.forReading(ctx)
	if err != nil {
		if s.opts.ReadOnly && isDenied(err) && s.noLog() {
			return s.readingFrozen(ctx, op, work)
		}
		return err
	}
	if c == nil {
		return nil
	}
	view := func() error {
		return s.use(ctx, c, op, func() error {
			return c.view(ctx, s, op, func() error { return work(c) })
		})
	}
	err = view()
	if s.opts.ReadOnly && isCutOff(err) && s.recover(ctx) == nil {
		return view()
	}
	return err
}

// forReading returns the connection for reading. A read-only store opens it when
// the file is there, so that a report that is asked for again sees a store that
// was made meanwhile; nil means that there is none.
func (s *Store) forReading(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, s.fault("open", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.closed:
		return nil, s.shut("read")
	default:
	}
	if s.reader != nil {
		return s.reader, nil
	}
	c, err := s.connectExisting(ctx, readOnly)
	if err == nil {
		s.reader = c
	}
	return c, err
}

// connectExisting returns nil when there is no file, or an empty one.
func (s *Store) connectExisting(ctx context.Context, a access) (*conn, error) {
	if there, err := s.look(); err != nil || !there {
		return nil, err
	}
	c, err := s.connectTo(ctx, a)
	if isCutOff(err) && s.recover(ctx) == nil {
		c, err = s.connectTo(ctx, a)
	}
	return c, err
}

// recover opens the file for writing, once, as whoever writes next does: a process
// was killed in the midst of a commit, and who only reads cannot take that back.
func (s *Store) recover(ctx context.Context) error {
	c, err := s.connectTo(ctx, recovering)
	if err != nil || c == nil {
		return err
	}
	return c.close()
}

// connectTo connects to a file that is there.
func (s *Store) connectTo(ctx context.Context, a access) (*conn, error) {
	c, err := s.connect(ctx, a)
	if err != nil {
		return nil, err
	}
	var state fileState
	err = s.patiently(ctx, func() (err error) {
		state, err = s.inspect(ctx, c)
		return err
	})
	if err == nil && state == fileOurs {
		return c, nil
	}
	if cerr := c.close(); err == nil {
		err = s.fault("open", cerr)
	}
	return nil, err
}

// readingFrozen reads a file in a directory where SQLite may not put its log: a
// read-only disk, or another user's directory. It opens the file for this one
// call, and distrusts what it read if somebody has written meanwhile.
func (s *Store) readingFrozen(ctx context.Context, op string, work func(c *conn) error) error {
	before, err := os.Stat(s.path)
	if err != nil {
		return s.fault(op, err)
	}
	c, err := s.connectExisting(ctx, frozen)
	if err != nil || c == nil {
		return err
	}
	err = c.view(ctx, s, op, func() error { return work(c) })
	if cerr := c.close(); err == nil {
		err = s.fault(op, cerr)
	}
	after, serr := os.Stat(s.path)
	if serr != nil || !s.noLog() || !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) {
		return &core.UnavailableError{System: "audit store " + s.path, Err: errors.New("it was written while it was read without a lock")}
	}
	return err
}

// folded reports whether the file is there without a log. A connection that is
// open already is used on.
func (s *Store) folded() bool {
	s.mu.Lock()
	open := s.reader != nil
	s.mu.Unlock()
	_, err := os.Stat(s.path)
	return !open && err == nil && s.noLog()
}

// beside is the path of a file that belongs to the store's: beside the file itself, where
// SQLite puts its own, and not beside a link to it.
func (s *Store) beside(suffix string) string {
	if path, err := filepath.EvalSymlinks(s.path); err == nil {
		return path + suffix
	}
	return s.path + suffix
}

func (s *Store) noLog() bool {
	for _, log := range []string{"-wal", "-journal"} {
		if _, err := os.Stat(s.beside(log)); !errors.Is(err, fs.ErrNotExist) {
			return false
		}
	}
	return true
}

// isCutOff says that a transaction that was cut off has to be taken back before the
// file can be read.
func isCutOff(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_READONLY_ROLLBACK
}

func isDenied(err error) bool {
	var p *core.PermissionError
	return errors.As(err, &p)
}
