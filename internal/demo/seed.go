package demo

import (
	"fmt"
	"time"
)

// seed gives the people of the demo company.
func seed(now time.Time) hrisState {
	s := hrisState{Next: 1}
	people := []struct{ first, last, department, title, location, country, zone, manager string }{
		{"Margarethe", "Öztürk", "People", "Chief People Officer", "Berlin", "DE", "Europe/Berlin", ""},
		{"Søren", "Østergård", "Engineering", "VP Engineering", "København", "DK", "Europe/Copenhagen", "1001"},
		{"Zoë", "O'Brien-Núñez", "Engineering", "Engineering Manager", "Dublin", "IE", "Europe/Dublin", "1002"},
		{"Łukasz", "Żółć", "Engineering", "Staff Engineer", "Kraków", "PL", "Europe/Warsaw", "1003"},
		{"Jan", "van der Berg", "Sales", "VP Sales", "Amsterdam", "NL", "Europe/Amsterdam", "1001"},
		{"Chloé", "Dubois", "Sales", "Account Executive", "Paris", "FR", "Europe/Paris", "1005"},
		{"Tom", "Baker", "Finance", "Controller", "London", "GB", "Europe/London", "1001"},
		{"Aiko", "Tanaka", "Finance", "Accountant", "Tokyo", "JP", "Asia/Tokyo", "1007"},
		{"Renée", "Lévesque", "IT", "IT Manager", "Montréal", "CA", "America/Toronto", "1002"},
		{"Mateo", "García", "IT", "Systems Administrator", "Madrid", "ES", "Europe/Madrid", "1009"},
		{"Ada", "Okafor", "Engineering", "Software Engineer", "Lagos", "NG", "Africa/Lagos", "1003"},
		{"Jörg", "Müller", "People", "HR Business Partner", "Berlin", "DE", "Europe/Berlin", "1001"},
	}
	for i, p := range people {
		s.Workers = append(s.Workers, worker{ID: fmt.Sprint(1001 + i), FirstName: p.first, LastName: p.last, Department: p.department, Title: p.title, Location: p.location, Country: p.country,
			TimeZone: p.zone, ManagerID: p.manager, StartDate: now.AddDate(-1-i%4, -i, 0).Format(time.DateOnly), WorkerType: "employee", Status: "active", EmployeeNo: fmt.Sprintf("E%d", 1001+i),
			Version: 1, UpdatedAt: now.UTC()})
	}
	return s
}

// Departments, zones and types the pages offer.
var (
	departments = []string{"Engineering", "Sales", "Finance", "People", "IT"}
	types       = []string{"employee", "contractor"}
	places      = []struct{ Location, Country, Zone string }{
		{"Berlin", "DE", "Europe/Berlin"}, {"London", "GB", "Europe/London"}, {"Paris", "FR", "Europe/Paris"}, {"Madrid", "ES", "Europe/Madrid"}, {"Kraków", "PL", "Europe/Warsaw"},
		{"New York", "US", "America/New_York"}, {"San Francisco", "US", "America/Los_Angeles"}, {"Tokyo", "JP", "Asia/Tokyo"}, {"Sydney", "AU", "Australia/Sydney"},
	}
)
