package author

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"joinery/internal/joiner"
)

// AddPerson keeps what a record says of a person. Attributes of the organisation (a
// department, a title) are of nobody; the console's own are kept as what they are; of those
// that a company added, the name and the shape of the value tell.
func (m *Marks) AddPerson(id string, attributes map[string]any) {
	who := hashOf(id)
	m.AddValue("a worker's id", id)
	var names []string
	for name, v := range attributes {
		each(name, v, func(name, value string) {
			if m.attribute(name, value, who) {
				names = append(names, value)
			}
		})
	}
	text := func(name string) string { s, _ := attributes[name].(string); return s }
	for _, first := range []string{text(joiner.FirstName), text(joiner.PreferredName)} {
		if last := text(joiner.LastName); first != "" && last != "" {
			m.AddName(first + " " + last)
			m.AddName(last + " " + first)
		}
	}
	for name, v := range attributes {
		each(name, v, func(name, value string) {
			if class(name) == ofBirth {
				m.addBirth(dateOf(value), names)
			}
		})
	}
}

// AddUser keeps who works with the console.
func (m *Marks) AddUser(name, mail string) {
	m.AddName(name)
	m.AddValue("a mail address of a person", mail)
}

// classOf says what an attribute is about.
type classOf int

const (
	ofCompany classOf = iota + 1
	ofName
	ofMail
	ofPhone
	ofAddress
	ofNumber
	ofBirth
	ofAnything
)

var classSays = map[classOf]string{
	ofMail: "a mail address of a person", ofPhone: "a phone number of a person", ofAddress: "an address of a person", ofNumber: "a number of a person", ofAnything: "a value of a person's record",
}

var ownSays = map[string]string{joiner.EmployeeNo: "an employee number", "national_id": "a national id", "home_address": "a home address", "bank_account": "a bank account"}

// known are the attributes whose names say by themselves what they are.
var known = map[string]classOf{
	joiner.FirstName: ofName, joiner.LastName: ofName, joiner.MiddleName: ofName, joiner.PreferredName: ofName, joiner.DisplayName: ofName,
	joiner.WorkEmail: ofMail, joiner.PersonalEmail: ofMail, joiner.Phone: ofPhone, joiner.EmployeeNo: ofNumber, joiner.ManagerID: ofNumber,
	joiner.Department: ofCompany, joiner.Title: ofCompany, joiner.Location: ofCompany, joiner.Country: ofCompany, joiner.TimeZone: ofCompany, joiner.StartDate: ofCompany, joiner.EndDate: ofCompany,
	joiner.WorkerType: ofCompany, joiner.Status: ofCompany, "gender": ofCompany, "birth_date": ofBirth, "national_id": ofNumber, "home_address": ofAddress, "bank_account": ofNumber,
}

// wordClass is what a word of an attribute's name says.
var wordClass = classes(map[classOf]string{
	ofBirth:   "birth birthday born dob geburtsdatum geburtstag",
	ofMail:    "mail email upn",
	ofPhone:   "phone telephone mobile cell fax telefon handy",
	ofNumber:  "id number no nr badge card ssn tax passport iban account licence license insurance plate serial login username code pin",
	ofAddress: "address street residence anschrift strasse",
	ofName: "name names forename surname nickname nick spouse partner contact emergency kin maiden mother father child children manager supervisor sponsor mentor buddy " +
		"assistant boss lead leader head owner approver",
	ofCompany: "department dept company organisation organization org division unit team site office location building floor region country cost centre center job role title " +
		"position project level grade band group category type status zone timezone currency language locale schedule shift calendar entity brand product function profession date start end",
})

func classes(words map[classOf]string) map[string]classOf {
	out := map[string]classOf{}
	for c, list := range words {
		for _, w := range strings.Fields(list) {
			out[w] = c
		}
	}
	return out
}

// class reads the name of an attribute from its end, where the noun stands; a name, number
// or code of something of the organisation is the organisation's.
func class(name string) classOf {
	if c, ok := known[name]; ok {
		return c
	}
	words := attributeWords(name)
	for i, w := range slices.Backward(words) {
		c, ok := wordClass[w]
		if !ok {
			continue
		}
		if (c == ofNumber || strings.HasPrefix(w, "name")) && slices.ContainsFunc(words[:i], func(w string) bool { return wordClass[w] == ofCompany }) {
			return ofCompany
		}
		return c
	}
	return ofAnything
}

// attribute keeps one value, and says whether it is a name.
func (m *Marks) attribute(name, value string, who uint64) bool {
	c := class(name)
	says := classSays[c]
	if own := ownSays[name]; own != "" {
		says = own
	}
	switch c {
	case ofName:
		if digitsIn(value) == 0 {
			m.AddName(value)
			return true
		}
		m.add(classSays[ofAnything], value, shared, who)
	case ofMail:
		m.add(says, value, always, who)
	case ofPhone:
		m.add(says, value, shared, who)
	case ofAddress:
		m.addAddress(says, value, who)
	case ofNumber:
		if digitsIn(value) > 0 || strings.Contains(value, "@") {
			m.add(says, value, shared, who)
		}
	case ofCompany:
		m.addCommon(value, who)
	case ofAnything:
		m.anything(value, who)
	}
	return false
}

// anything keeps a value of which nothing is known but what it looks like. One ordinary
// word, a short number and a date tell of nobody by themselves.
func (m *Marks) anything(value string, who uint64) {
	words := wordsOf(value)
	switch {
	case dateOf(value) != "":
	case strings.Contains(value, "@"):
		m.add(classSays[ofMail], value, always, who)
	case digitsIn(value) > 0 && (len(words) > 1 || !allDigits(value)):
		m.add(classSays[ofAnything], value, shared, who)
	case len(words) > 1 && len(value) >= 10 && digitsIn(value) == 0:
		m.add(classSays[ofAnything], value, single, who)
	}
}

// each gives the texts and numbers of an attribute, in lists and tables too.
func each(name string, v any, do func(name, value string)) {
	switch x := v.(type) {
	case string:
		do(name, x)
	case float64:
		do(name, strconv.FormatFloat(x, 'f', -1, 64))
	case json.Number:
		do(name, x.String())
	case []any:
		for _, e := range x {
			each(name, e, do)
		}
	case map[string]any:
		for k, e := range x {
			each(name+"_"+k, e, do)
		}
	}
}

// attributeWords are the words of a name such as emergencyContact_phone.
func attributeWords(name string) []string {
	var b strings.Builder
	small := false
	for _, r := range name {
		if unicode.IsUpper(r) && small {
			b.WriteByte(' ')
		}
		small = unicode.IsLower(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return strings.FieldsFunc(b.String(), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// dateOf is the date that a value begins with; "" for none.
func dateOf(value string) string {
	all, _ := datesOf(wordsOf(value))
	if len(all) == 0 {
		return ""
	}
	return all[0]
}
