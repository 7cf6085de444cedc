package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

// Env looks up an environment variable, as os.LookupEnv does.
type Env func(name string) (string, bool)

// Load reads the file at path (none if path is empty), lets the environment
// override it, and validates. Its error is Problems with every mistake, or the
// reason why the file can't be read.
//
// A key's variable is PERCH_ and its path in capitals with underscores:
// x.client_secret is PERCH_X_CLIENT_SECRET. A variable of that name with _FILE
// behind it names a file whose content is the value. Lists are separated by
// commas. Departments are set in the file only.
func Load(path string, env Env) (Config, error) {
	cfg := Default()
	d := &decoder{file: filepath.Base(path), lines: map[string]int{}}
	if path != "" {
		data, err := os.ReadFile(path) //nolint:gosec // the operator names the file
		if errors.Is(err, fs.ErrNotExist) {
			return cfg, fmt.Errorf("there is no configuration %s (perch config example prints one to begin with): %w", path, err)
		}
		if err != nil {
			return cfg, fmt.Errorf("read configuration: %w", err)
		}
		d.decode(data, &cfg)
	}
	d.environment("PERCH", "", reflect.ValueOf(&cfg).Elem(), env)
	if cfg.Chat.RocketChat.URL != "" && cfg.Channels.Setup == "" {
		cfg.Channels.Setup = RocketChatSetup
	}
	d.validate(cfg)
	if len(d.problems) > 0 {
		return cfg, d.problems
	}
	return cfg, nil
}

func (d *decoder) environment(name, path string, v reflect.Value, env Env) {
	for i := range v.NumField() {
		key := v.Type().Field(i).Tag.Get("yaml")
		field, at, variable := v.Field(i), join(path, key), name+"_"+strings.ToUpper(key)
		if field.Kind() == reflect.Struct {
			d.environment(variable, at, field, env)
			continue
		}
		s, from, ok := d.lookup(at, variable, env)
		if !ok {
			continue
		}
		if err := setFromEnv(field, s); err != nil {
			d.problems = append(d.problems, Problem{Path: at, Where: from, Message: err.Error()})
		}
	}
}

func (d *decoder) lookup(path, variable string, env Env) (value, from string, ok bool) {
	value, ok = env(variable)
	file, isFile := env(variable + "_FILE")
	switch {
	case ok && isFile:
		d.problems = append(d.problems, Problem{Path: path, Where: variable, Message: "is set beside " + variable + "_FILE: keep one"})
		return "", "", false
	case ok:
		return value, variable, true
	case !isFile:
		return "", "", false
	}
	data, err := os.ReadFile(file) //nolint:gosec // the operator names the file
	if err != nil {
		d.problems = append(d.problems, Problem{Path: path, Where: variable + "_FILE", Message: "can't be read: " + err.Error()})
		return "", "", false
	}
	return strings.TrimRight(string(data), "\r\n"), variable + "_FILE", true
}

func setFromEnv(v reflect.Value, s string) error {
	if v.Kind() != reflect.Slice {
		return setScalar(v, s)
	}
	if v.Type().Elem().Kind() != reflect.String {
		return fmt.Errorf("can be set in the file only")
	}
	parts := strings.Split(s, ",")
	out := reflect.MakeSlice(v.Type(), 0, len(parts))
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = reflect.Append(out, reflect.ValueOf(p).Convert(v.Type().Elem()))
		}
	}
	v.Set(out)
	return nil
}
