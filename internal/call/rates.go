package call

import "time"

// rates counts sessions per second and their peaks, for the status command. Its owner locks it.
type rates struct {
	started    time.Time
	second     int64 // the second that now counts
	now        int   // sessions begun in it
	before     int   // sessions begun in the second before it
	peak       int   // most sessions at a time
	perSecPeak int
	minutes    [5]minute // the last five minutes
}

// minute holds the peaks of one minute.
type minute struct {
	number       int64
	peak, perSec int
}

func (r *rates) inSecond(t time.Time) int {
	if t.Unix() != r.second {
		return 0
	}
	return r.now
}

// last is how many began in the second before t's.
func (r *rates) last(t time.Time) int {
	switch t.Unix() - r.second {
	case 0:
		return r.before
	case 1:
		return r.now
	}
	return 0
}

// count notes that a session began and how many there are now.
func (r *rates) count(t time.Time, current int) {
	if t.Unix() != r.second {
		r.second, r.now, r.before = t.Unix(), 0, r.last(t)
	}
	r.now++
	r.peak = max(r.peak, current)
	r.perSecPeak = max(r.perSecPeak, r.now)
	n := t.Unix() / 60
	m := &r.minutes[n%int64(len(r.minutes))]
	if m.number != n {
		*m = minute{number: n}
	}
	m.peak, m.perSec = max(m.peak, current), max(m.perSec, r.now)
}

func (r *rates) stats(t time.Time) Stats {
	s := Stats{Started: r.started, Peak: r.peak, PerSecond: r.inSecond(t), LastPerSecond: r.last(t), PerSecondPeak: r.perSecPeak}
	for _, m := range r.minutes {
		if t.Unix()/60-m.number < int64(len(r.minutes)) {
			s.PeakFiveMin, s.PerSecondFiveMin = max(s.PeakFiveMin, m.peak), max(s.PerSecondFiveMin, m.perSec)
		}
	}
	return s
}
