package bench

import (
	"debug/elf"
	"debug/gosym"
	"strconv"
)

// goSymbols names the functions of Go programs that were linked without a symbol table (-s): the runtime's own table is still there. The key is
// the program's file.
type goSymbols map[string]*goProgram

type goProgram struct {
	table *gosym.Table
	code  elf.ProgHeader // the segment that has the code
}

const unknownFunction = "[unknown]" // as perf says it

// program is nil for a file that is no Go program.
func (g goSymbols) program(file string) *goProgram {
	p, ok := g[file]
	if !ok {
		p = openGoProgram(file)
		g[file] = p
	}
	return p
}

// find names the function at a place in the file, which perf tells in hexadecimal.
func (p *goProgram) find(place string) string {
	offset, err := strconv.ParseUint(place, 16, 64)
	if err != nil {
		return unknownFunction
	}
	if f := p.table.PCToFunc(offset - p.code.Off + p.code.Vaddr); f != nil {
		return f.Name
	}
	return unknownFunction
}

// openGoProgram is nil for what is no Go program.
func openGoProgram(name string) *goProgram {
	f, err := elf.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	lines, text := f.Section(".gopclntab"), f.Section(".text")
	if lines == nil || text == nil {
		return nil
	}
	data, err := lines.Data()
	if err != nil {
		return nil
	}
	table, err := gosym.NewTable(nil, gosym.NewLineTable(data, text.Addr))
	if err != nil {
		return nil
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_LOAD && p.Flags&elf.PF_X != 0 {
			return &goProgram{table, p.ProgHeader}
		}
	}
	return nil
}
