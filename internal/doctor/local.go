package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/perch-chat/perch/internal/config"
	"github.com/perch-chat/perch/store"
)

// configuration tells the mistakes that loading it found.
func (e *exam) configuration() {
	const check = Configuration
	if e.ConfigErr == nil {
		e.ok(check, "Every key is set and makes sense.")
		return
	}
	problems, ok := errors.AsType[config.Problems](e.ConfigErr)
	if !ok {
		e.fail(check, e.ConfigErr.Error()+".", "Name the file with --config, and make it readable for Perch's user.")
		return
	}
	for _, p := range problems {
		e.fail(check, p.String()+".", "Correct it; perch config example shows every key.")
	}
}

func (e *exam) embedded() bool { return e.Config.Store.Driver != "postgres" }

// opens says if the store does.
func (e *exam) opens(ctx context.Context) {
	const check = "store"
	err := e.StoreErr
	if err == nil && e.DB != nil {
		err = e.DB.View(ctx, func(store.Tx) error { return nil })
	}
	switch {
	case err == nil && e.DB == nil:
		e.skip(check, "There is no store yet: perch serve makes it.")
	case err == nil:
		e.ok(check, "It opens and answers.")
	case errors.Is(err, store.ErrInUse):
		e.fail(check, "Another process has the store and does not answer perch doctor.", "If Perch is starting or stopping, try again in a moment. Else end the process that has "+e.Config.Data+" open.")
	case errors.Is(err, store.ErrDamaged):
		e.fail(check, "The store is damaged: "+err.Error()+".", "Stop Perch and restore a backup: perch store restore FILE --force")
	case errors.Is(err, store.ErrNewer):
		e.fail(check, "A newer Perch wrote the store.", "Run that version or a later one.")
	case e.embedded():
		e.fail(check, "The store can't be opened: "+err.Error()+".", "See that Perch's user may read and write "+e.Config.Data+".")
	default:
		e.fail(check, "The database does not answer: "+err.Error()+".", "Check store.postgres_url and that the database runs.")
	}
	if e.DB != nil && err != nil {
		e.DB = nil // the checks after this one would only repeat it
	}
}

// folder looks at who may open the data.
func (e *exam) folder(context.Context) {
	const check = "data folder"
	dir := e.Config.Data
	if !e.embedded() || dir == "" {
		return
	}
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		e.skip(check, dir+" does not exist yet: perch serve makes it.")
		return
	case err != nil:
		e.fail(check, "It can't be looked at: "+err.Error()+".", "See that Perch's user may open "+dir+".")
		return
	case !info.IsDir():
		e.fail(check, dir+" is no folder.", "Set data to a folder of Perch's own.")
		return
	}
	if probe, err := os.CreateTemp(dir, ".doctor-*"); err != nil {
		e.fail(check, "Perch can't write there: "+err.Error()+".", "Make "+dir+" belong to Perch's user: chown -R perch "+dir)
		return
	} else if err := errors.Join(probe.Close(), os.Remove(probe.Name())); err != nil {
		e.fail(check, "A file written there could not be removed: "+err.Error()+".", "Make "+dir+" belong to Perch's user: chown -R perch "+dir)
		return
	}
	for _, path := range []string{dir, filepath.Join(dir, "perch.db")} {
		info, err := os.Stat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			e.warn(check, "Other users of this machine may open "+path+", which holds customers' messages.", "Keep them out: chmod go-rwx "+path)
			return
		}
	}
	e.ok(check, "Perch can write to "+dir+" and others can't open it.")
}

// Room that should be left on the disk.
const (
	roomGood = 1 << 30
	roomLow  = 100 << 20
)

// disk looks at the room that is left.
func (e *exam) disk(context.Context) {
	const check = "disk"
	if !e.embedded() || e.Config.Data == "" {
		return
	}
	dir := e.Config.Data
	if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
		dir = filepath.Dir(filepath.Clean(dir))
	}
	n, err := e.Free(dir)
	switch {
	case err != nil:
		e.skip(check, "This system does not say how much room is left.")
	case n < roomLow:
		e.fail(check, "Only "+size(n)+" are left for "+dir+".", "Make room, or Perch soon takes nothing in any more.")
	case n < roomGood:
		e.warn(check, size(n)+" are left for "+dir+".", "Make room before it is used up.")
	default:
		e.ok(check, size(n)+" are free.")
	}
}

func size(n uint64) string {
	if n >= 1<<30 {
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// quick is the size of a store up to which all of it is looked at.
const quick = 64 << 20

// tables compares the records with their indexes.
func (e *exam) tables(ctx context.Context) {
	const check = "stored data"
	if e.DB == nil || len(e.Tables) == 0 {
		return
	}
	if r, ok := e.DB.(store.Reporter); !ok || r.Stats().Size == 0 || r.Stats().Size > quick {
		e.skip(check, "The store is not looked through here, for that could take long. To have all of it checked: perch store check")
		return
	}
	var found []error
	err := e.DB.View(ctx, func(tx store.Tx) error {
		for _, t := range e.Tables {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := t.CheckIndexes(tx); err != nil {
				found = append(found, err)
			}
		}
		return nil
	})
	if err = errors.Join(append(found, err)...); err != nil {
		e.fail(check, firstLine(err.Error())+".", "See all of it with perch store check. Restore a backup if there is more than this.")
		return
	}
	e.ok(check, "Records and indexes agree.")
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSuffix(line, ".")
}

// team says who is missing to work with Perch.
func (e *exam) team(ctx context.Context) {
	const check = "team"
	c, good := e.Config, true
	someone, add := "slack:U012AB3CD", "Add one under departments, with its channel and agents, and restart Perch."
	if c.Chat.RocketChat.URL != "" {
		someone = "rocketchat:@sam"
		add = "Switch on Omnichannel in Rocket.Chat, or add one under departments, with its channel and agents; then restart Perch."
	}
	if len(c.Team.Admins) == 0 {
		good = false
		e.fail(check, "There is no admin, so nobody may connect an X account.", "Name one in team.admins, such as "+someone+", and restart Perch.")
	}
	if c.Channels.Setup == "" {
		good = false
		e.warn(check, "There is no setup channel, where Perch says how to connect an account and what needs attention.", "Name one in channels.setup and restart Perch.")
	}
	served := ""
	known := true
	if len(c.Departments) == 0 && e.Served != nil {
		served, known = e.Served(ctx)
	}
	if !known {
		good = false
		e.skip(check, "There is no department, and the chat does not say whether it serves customers itself.")
	}
	if len(c.Departments) == 0 && served == "" && known {
		good = false
		if c.Channels.Setup == "" {
			e.fail(check, "There is no department, so customers' messages arrive nowhere.", add)
		} else {
			e.warn(check, "There is no department: customers' messages arrive in the setup channel.", add)
		}
	}
	for _, d := range c.Departments {
		if e.ServedIn != nil && e.ServedIn(d.Channel) {
			continue // who is an agent there is for that chat to say
		}
		if len(d.Agents) == 0 && len(c.Team.Agents) == 0 && d.UserGroup == "" {
			good = false
			e.warn(check, d.Name+" has no agents, so nobody may answer its customers.", "Name them in its agents, or a user group in user_group, and restart Perch.")
		}
	}
	switch {
	case good && served != "":
		e.ok(check, fmt.Sprintf("%s and a setup channel. %s serves customers, with its own departments and agents.", count(len(c.Team.Admins), "admin"), served))
	case good:
		e.ok(check, fmt.Sprintf("%s, %s and a setup channel.", count(len(c.Team.Admins), "admin"), count(len(c.Departments), "department")))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
