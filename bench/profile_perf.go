package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	perfFrequency = "999"            // samples a second of each thread that runs
	perfPatience  = 10 * time.Second // for perf to begin and to end
)

// perfRecording is a perf record(1) that is under way. It is told over a pipe when to begin and to end, so that it records the window alone.
type perfRecording struct {
	cmd     *exec.Cmd
	perf    string
	file    string
	control *os.File
	acks    *bufio.Reader
	ack     *os.File
	log     tail
	before  time.Duration // CPU time until it began
}

// startPerf records the processes' stacks in user space and in the kernel, where the system lets it see that.
func startPerf(perf string, pids []int, file string) (*perfRecording, error) {
	r := &perfRecording{perf: perf, file: file}
	theirs, ours, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	r.control = ours
	acks, ack, err := os.Pipe()
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer ack.Close()
	r.ack, r.acks = acks, bufio.NewReader(acks)
	r.cmd = exec.Command(perf, "record", "--quiet", "--event", "cpu-clock", "--freq", perfFrequency, "--call-graph", "fp", "--delay", "-1",
		"--control", "fd:3,4", "--pid", joinInts(pids), "--output", file)
	r.cmd.ExtraFiles = []*os.File{theirs, ack}
	r.cmd.SysProcAttr = ownGroup()
	r.cmd.Stdout, r.cmd.Stderr = &r.log, &r.log
	if err := r.cmd.Start(); err != nil {
		ours.Close()
		acks.Close()
		return nil, fmt.Errorf("perf: %w", err)
	}
	if err := r.tell("enable"); err != nil {
		_ = r.cmd.Process.Kill()
		return nil, errors.Join(err, r.end())
	}
	r.before, _ = processCPU(r.cmd.Process.Pid)
	return r, nil
}

// tell gives a command and waits until perf has followed it.
func (r *perfRecording) tell(command string) error {
	_ = r.ack.SetReadDeadline(time.Now().Add(perfPatience))
	_, err := fmt.Fprintln(r.control, command)
	if err == nil {
		_, err = r.acks.ReadString('\n')
	}
	if err != nil {
		return fmt.Errorf("perf does not %s: %w", command, err)
	}
	return nil
}

func (r *perfRecording) end() error {
	defer r.control.Close()
	defer r.ack.Close()
	if err := r.cmd.Wait(); err != nil && r.log.String() != "" {
		return fmt.Errorf("perf: %s", &r.log)
	}
	return nil
}

func (r *perfRecording) stop() (used time.Duration, err error) {
	used, _ = processCPU(r.cmd.Process.Pid)
	err = r.tell("disable")
	_ = r.cmd.Process.Signal(os.Interrupt)
	return used - r.before, errors.Join(err, r.end())
}

// read has perf script print the stacks.
func (r *perfRecording) read() (*Profile, error) {
	var log tail
	cmd := exec.Command(r.perf, "script", "--input", r.file, "--fields", "period,ip,sym,dso", "--no-inline")
	cmd.Stderr = &log
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	samples, err := readPerfScript(out)
	_, _ = io.Copy(io.Discard, out)
	if failed := cmd.Wait(); failed != nil {
		return nil, fmt.Errorf("perf script: %w: %s", failed, &log)
	}
	if err == nil && len(samples) == 0 {
		err = errors.New("no samples: the server did nothing")
	}
	return newProfile("perf", r.file, samples), err
}

// readPerfScript reads the output of perf script: a line with the period of a sample, a line for each frame, innermost first, and an empty line.
func readPerfScript(r io.Reader) ([]stackSample, error) {
	var all []stackSample
	var s stackSample
	names := goSymbols{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		address, rest, more := strings.Cut(line, " ")
		switch {
		case line == "":
			if len(s.frames) > 0 {
				all = append(all, s)
			}
			s = stackSample{}
		case !more:
			s.times = 1
			s.weight, _ = strconv.ParseFloat(line, 64)
		default:
			i := strings.LastIndex(rest, " (")
			if i < 0 {
				return nil, fmt.Errorf("perf script: %q", line)
			}
			f := frame{function: rest[:i], object: strings.TrimSuffix(rest[i+2:], ")")}
			program := names.program(f.object)
			if f.isGo = program != nil; f.isGo && f.function == unknownFunction {
				f.function = program.find(address)
			}
			s.frames = append(s.frames, f)
		}
	}
	if len(s.frames) > 0 {
		all = append(all, s)
	}
	return all, lines.Err()
}

func joinInts(numbers []int) string {
	text := make([]string, len(numbers))
	for i, n := range numbers {
		text[i] = strconv.Itoa(n)
	}
	return strings.Join(text, ",")
}
