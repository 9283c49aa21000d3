package esl

import (
	"strings"
	"sync"
	"sync/atomic"
)

// job is one bgapi command.
type job struct {
	id, line string
}

// jobQueue runs the bgapi commands of one connection: Limits.Jobs at once, Limits.QueuedJobs more waiting, further ones refused, and those
// that are longer than Limits.JobBytes together with what is there.
type jobQueue struct {
	// used: the connection has asked for a job.
	used atomic.Bool

	mu      sync.Mutex // guards what follows
	running int
	waiting []job
	bytes   int // of those that run and that wait
}

// bgapi answers with the job's id and runs the command in the background. The id is given twice: as text, and as a header of its own,
// which is the only one that the ESL library of Rocket.Chat understands.
func (c *conn) bgapi(line, id string) {
	if !c.may.mayRun(line) {
		c.reply(replyDenied)
		return
	}
	if id == "" {
		id = newUUID()
	}
	c.jobs.mu.Lock()
	full := c.jobs.running >= c.limit.Jobs && len(c.jobs.waiting) >= c.limit.QueuedJobs || c.jobs.bytes+len(line) > c.limit.JobBytes
	c.jobs.mu.Unlock()
	if full {
		// Only this goroutine adds jobs, so there is at least as much room later as now.
		c.server.counters.jobsRefused.Add(1)
		c.reply("-ERR too many background jobs")
		return
	}
	c.server.counters.jobs.Add(1)
	c.jobs.used.Store(true)
	c.reply("+OK Job-UUID: "+id, "Job-UUID: "+id)
	c.startJob(job{id, line})
}

// startJob runs the job, or lets it wait until another one ends.
func (c *conn) startJob(j job) {
	c.jobs.mu.Lock()
	defer c.jobs.mu.Unlock()
	c.jobs.bytes += len(j.line)
	if c.jobs.running >= c.limit.Jobs {
		c.jobs.waiting = append(c.jobs.waiting, j)
		return
	}
	c.jobs.running++
	// Not a child of the connection: a client may leave once it has the id, and what it asked for is still done.
	c.server.wg.Go(func() { c.runJobs(j) })
}

// runJobs runs j and then what waits.
func (c *conn) runJobs(j job) {
	for {
		c.runJob(j)
		c.jobs.mu.Lock()
		c.jobs.bytes -= len(j.line)
		if len(c.jobs.waiting) == 0 || c.server.base.Err() != nil {
			c.jobs.running--
			c.jobs.mu.Unlock()
			return
		}
		j = c.jobs.waiting[0]
		c.jobs.waiting = c.jobs.waiting[1:]
		c.jobs.mu.Unlock()
	}
}

func (c *conn) runJob(j job) {
	name, args, _ := strings.Cut(j.line, " ")
	result := c.server.run(c.server.base, j.line)
	e := c.server.Backend.NewEvent("BACKGROUND_JOB")
	setOrigin(e, "api_exec", 1580)
	e.Add("Job-UUID", j.id)
	if c.channel != nil {
		e.Add("Job-Owner-UUID", c.channel.UUID())
	}
	e.Add("Job-Command", name)
	if args != "" {
		e.Add("Job-Command-Arg", args)
	}
	e.SetBody(result)
	e.owner = c
	c.server.Backend.Publish(e)
}
