package main

import (
	"strings"
	"testing"
)

func TestRun(t *testing.T) {
	const pass = `{"Action":"run","Package":"p","Test":"A"}
{"Action":"output","Package":"p","Test":"A","Output":"chatter\n"}
{"Action":"pass","Package":"p","Test":"A"}
{"Action":"pass","Package":"p","Elapsed":0.5}
`
	tests := []struct {
		name, in string
		code     int
		want     string // somewhere in the output
		last     string
	}{
		{"pass", pass, 0, "ok    p", "1 passed, 0 failed, 0 skipped"},
		{"nothing", "", 1, "no test ran", "0 passed, 0 failed, 0 skipped"},
		{"fail", pass + `{"Action":"run","Package":"q","Test":"B"}
{"Action":"output","Package":"q","Test":"B","Output":"got 1\n"}
{"Action":"fail","Package":"q","Test":"B"}
{"Action":"fail","Package":"q"}
`, 1, "got 1", "1 passed, 1 failed, 0 skipped"},
		{"skip", pass + `{"Action":"output","Package":"q","Test":"B","Output":"    x_test.go:1: no chromium\n"}
{"Action":"skip","Package":"q","Test":"B"}
`, 0, "q B: x_test.go:1: no chromium", "1 passed, 0 failed, 1 skipped"},
		{"build", pass + `{"Action":"build-output","ImportPath":"q [q.test]","Output":"undefined: x\n"}
{"Action":"build-fail","ImportPath":"q [q.test]"}
{"Action":"fail","Package":"q","FailedBuild":"q [q.test]"}
`, 1, "undefined: x", "1 passed, 1 failed, 0 skipped"},
		{"panic", pass + `{"Action":"run","Package":"q","Test":"B"}
{"Action":"output","Package":"q","Test":"B","Output":"panic: boom\n"}
{"Action":"fail","Package":"q"}
`, 1, "panic: boom", "1 passed, 1 failed, 0 skipped"},
		{"cut short", pass + `{"Action":"run","Package":"q","Test":"B"}` + "\n", 1, "q B did not finish", "1 passed, 1 failed, 0 skipped"},
		{"other lines", "warning: hello\n" + pass, 0, "warning: hello", "1 passed, 0 failed, 0 skipped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			code, err := run(strings.NewReader(tt.in), &out)
			if err != nil || code != tt.code {
				t.Errorf("run = %d, %v; want %d", code, err, tt.code)
			}
			if !strings.Contains(out.String(), tt.want) || !strings.HasSuffix(out.String(), tt.last+"\n") {
				t.Errorf("printed:\n%s", out.String())
			}
		})
	}
}
