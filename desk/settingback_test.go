package desk

import (
	"testing"

	"github.com/perch-chat/perch/store"
)

// TestDefaultDepartmentBack: an admin who set a department can have the chat
// choose again.
func TestDefaultDepartmentBack(t *testing.T) {
	service(t, func(t *testing.T, w *world) {
		named := func(value string) (name string, chosen bool) {
			w.update(func(tx store.Tx) error {
				s, err := w.d.Set(tx, "default_department", value, "ada")
				if err == nil {
					name, chosen, err = w.d.DefaultDepartment(tx, s)
				}
				return err
			})
			return name, chosen
		}
		w.update(func(tx store.Tx) error {
			err := w.d.SetDepartment(tx, Department{ID: "support", Name: "Support", Channel: "webchat:omnichannel"})
			if err == nil {
				err = w.d.SetDepartment(tx, Department{ID: "zbilling", Name: "Billing", Channel: "webchat:omnichannel:Billing"})
			}
			return err
		})
		w.d.opt.Settings.DefaultDepartment = "support" // as it is started with
		if name, chosen := named("Big Sales"); name != "Big Sales" || chosen {
			t.Errorf("set to Big Sales it is %q, %t", name, chosen)
		}
		if name, chosen := named(" "); name != "" || !chosen {
			t.Errorf("set back it is %q, chosen by the chat: %t", name, chosen)
		}
		w.update(func(tx store.Tx) error {
			log, err := w.d.SettingChanges(tx, 1)
			if err == nil && (len(log) != 1 || log[0].Was != "big-sales" || log[0].Now != "support" || log[0].By != "ada") {
				t.Errorf("on record is %+v", log)
			}
			return err
		})
	})
}
