// Package joiner knows the people Joinery brings in: who they are, and what an
// HRIS says about them.
package joiner

import (
	"log/slog"
	"time"
)

// ID is our id of a joiner (UUID text).
type ID string

// Ref is how a joiner is recognised: the HRIS connection and the HRIS's
// immutable worker id. Never a name, never an e-mail.
type Ref struct {
	Connection string `json:"connection"`
	Worker     string `json:"worker"`
	// As is the mark of the person's accounts when an earlier record made them.
	As string `json:"as,omitempty"`
}

// Stamp is the ownership mark we leave on every account we make: the same for all
// records of one person.
func (r Ref) Stamp() string {
	if r.As != "" {
		return r.As
	}
	return r.Connection + ":" + r.Worker
}

// Worker is what an HRIS says about a person, in Joinery's own field names.
// Attributes holds every mapped field; the known ones are named below. Dates
// are "2006-01-02"; zones are IANA names. Unknown values are absent, not "".
type Worker struct {
	ID         string         `json:"id"`
	Attributes map[string]any `json:"attributes"`
	// Version is the HRIS's own version or change time of the record, if any.
	Version   string    `json:"version,omitempty"`
	ChangedAt time.Time `json:"changed_at,omitzero"`
}

// Names of the attributes every HRIS connector fills where it can.
const (
	FirstName     = "first_name"
	LastName      = "last_name"
	MiddleName    = "middle_name"
	PreferredName = "preferred_name"
	DisplayName   = "display_name"
	WorkEmail     = "work_email"
	PersonalEmail = "personal_email"
	Department    = "department"
	Title         = "title"
	Location      = "location"
	Country       = "country"
	TimeZone      = "time_zone"
	ManagerID     = "manager_id"
	StartDate     = "start_date"
	EndDate       = "end_date"
	WorkerType    = "worker_type" // employee, contractor, …
	Status        = "status"      // planned, active, rescinded, terminated
	EmployeeNo    = "employee_number"
	Phone         = "phone"
)

// Known lists the attributes every HRIS connector fills where it can.
func Known() []string {
	return []string{FirstName, LastName, MiddleName, PreferredName, DisplayName, WorkEmail, PersonalEmail, Department, Title, Location, Country, TimeZone,
		ManagerID, StartDate, EndDate, WorkerType, Status, EmployeeNo, Phone}
}

// Text gives an attribute as text; "" when absent.
func (w Worker) Text(name string) string {
	s, _ := w.Attributes[name].(string)
	return s
}

// Zone is where the joiner works; nil when the HRIS does not tell.
func (w Worker) Zone() *time.Location {
	name := w.Text(TimeZone)
	zone, err := time.LoadLocation(name)
	if name == "" || err != nil {
		return nil
	}
	return zone
}

// Label is the name pages show for a worker.
func (w Worker) Label() string {
	if s := w.Text(DisplayName); s != "" {
		return s
	}
	first := w.Text(PreferredName)
	if first == "" {
		first = w.Text(FirstName)
	}
	last := w.Text(LastName)
	switch {
	case first != "" && last != "":
		return first + " " + last
	case first+last != "":
		return first + last
	}
	return "Worker " + w.ID
}

// LogValue keeps people out of the log.
func (w Worker) LogValue() slog.Value { return slog.StringValue("worker " + w.ID) }

// Event is one signed statement from an HRIS. It is a hint: only Key, Type,
// Worker and At are used; the flow re-reads the worker.
type Event struct {
	// Key is the sender's event key: unique per connection for ever.
	Key string `json:"key"`
	// Type is in Joinery's words: worker.hired, worker.updated,
	// worker.start_moved, worker.rescinded, worker.terminated.
	Type   string    `json:"type"`
	Worker string    `json:"worker"`
	At     time.Time `json:"at"`
	// Changed names the changed attributes, when the sender tells.
	Changed []string `json:"changed,omitempty"`
	// Actor tells who made the change, where the sender does: ActorOurs, ActorOther
	// or "". Values are the changed attributes' values, where the sender tells. Both
	// are looked at as the event is accepted, to know our own echo, and kept nowhere.
	Actor  string         `json:"-"`
	Values map[string]any `json:"-"`
}

// Who made a change.
const (
	ActorOurs  = "ours"  // the user or token by which Joinery works in the HRIS
	ActorOther = "other" // somebody else
)

// EventTypes lists the event types a trigger may listen to.
func EventTypes() []string {
	return []string{Hired, Updated, StartMoved, Rescinded, Terminated}
}
