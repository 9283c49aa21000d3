package control

import (
	"cmp"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of the task table: tasks that wait, and those that run at a time. A task that finds no room to run waits for it.
const (
	maxTasks        = 10_000
	maxTasksRunning = 32
)

// firstTask is the number of the first task that a command makes; see heartbeatTask.
const firstTask = 3

// job is a task with what there is to do.
type job struct {
	task
	every   time.Duration // 0: once
	do      func()
	timer   *time.Timer
	running bool
	// alive says whether the task still has an object; nil: always. One without is forgotten.
	alive func() bool
}

// taskTable is FreeSWITCH's scheduler: tasks with numbers and groups that can be listed and deleted.
type taskTable struct {
	log     *slog.Logger
	tell    func(event string, t task) // publishes what became of one
	beat    atomic.Int64               // when the heartbeat is due next, in seconds since 1970; 0: there is none
	running sync.WaitGroup
	slots   chan struct{}

	mu     sync.Mutex // guards what follows
	jobs   map[int]*job
	last   int
	closed bool
}

func newTaskTable(log *slog.Logger, tell func(event string, t task)) *taskTable {
	return &taskTable{log: log, tell: tell, slots: make(chan struct{}, maxTasksRunning), jobs: map[int]*job{}, last: firstTask - 1}
}

// add enters a task and returns its number; false: the table is full or closed.
func (t *taskTable) add(j *job) (int, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.jobs) >= maxTasks {
		t.prune()
	}
	if t.closed || len(t.jobs) >= maxTasks {
		return 0, false
	}
	t.last++
	j.id = t.last
	t.jobs[j.id] = j
	j.timer = time.AfterFunc(time.Until(j.runtime), func() { t.run(j) })
	t.tell("ADD_SCHEDULE", j.task)
	return j.id, true
}

// run is called by the task's timer.
func (t *taskTable) run(j *job) {
	t.mu.Lock()
	if t.closed || t.jobs[j.id] != j {
		t.mu.Unlock()
		return
	}
	j.running = true
	t.running.Add(1)
	t.mu.Unlock()
	defer t.running.Done()
	t.slots <- struct{}{}
	t.do(j)
	<-t.slots

	t.mu.Lock()
	defer t.mu.Unlock()
	j.running = false
	if t.jobs[j.id] != j { // deleted meanwhile
		return
	}
	if j.every <= 0 || t.closed {
		t.remove(j)
		return
	}
	j.runtime = time.Now().Add(j.every)
	j.timer.Reset(j.every)
	t.tell("RE_SCHEDULE", j.task)
}

// do does what there is to do. A panic costs this task only.
func (t *taskTable) do(j *job) {
	defer func() {
		if p := recover(); p != nil {
			t.log.Error("panic in a scheduled task", "task", j.desc, "group", j.group, "panic", p, "stack", string(debug.Stack()))
		}
	}()
	j.do()
}

// remove forgets a task; t.mu is held.
func (t *taskTable) remove(j *job) {
	j.timer.Stop()
	delete(t.jobs, j.id)
	t.tell("DEL_SCHEDULE", j.task)
}

// prune forgets the tasks whose object is gone; t.mu is held.
func (t *taskTable) prune() {
	for _, j := range t.jobs {
		if j.alive != nil && !j.running && !j.alive() {
			t.remove(j)
		}
	}
}

// deleteID and deleteGroup say how many tasks they deleted. One that runs ends first, and not again.
func (t *taskTable) deleteID(id int) int {
	return t.delete(func(j *job) bool { return j.id == id })
}

func (t *taskTable) deleteGroup(group string) int {
	return t.delete(func(j *job) bool { return j.group == group })
}

func (t *taskTable) delete(match func(*job) bool) (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, j := range t.jobs {
		if match(j) {
			t.remove(j)
			n++
		}
	}
	return n
}

// close deletes all tasks and waits for those that run.
func (t *taskTable) close() {
	t.mu.Lock()
	t.closed = true
	for _, j := range t.jobs {
		j.timer.Stop()
	}
	clear(t.jobs)
	t.mu.Unlock()
	t.running.Wait()
}

// report is show tasks.
func (t *taskTable) report(host string) report {
	r := report{columns: []string{"task_id", "task_desc", "task_group", "task_runtime", "task_sql_manager", "hostname"}}
	if beat := t.beat.Load(); beat > 0 {
		r.rows = append(r.rows, []string{strconv.Itoa(heartbeatTask), "heartbeat", "core", strconv.FormatInt(beat, 10), "0", host})
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.prune()
	for _, j := range slices.SortedFunc(maps.Values(t.jobs), func(a, b *job) int { return cmp.Compare(a.id, b.id) }) {
		r.rows = append(r.rows, []string{strconv.Itoa(j.id), j.desc, j.group,
			strconv.FormatInt(j.runtime.Unix(), 10), "0", host})
	}
	return r
}
