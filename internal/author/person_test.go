package author_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"joinery/internal/author"
)

func nothing(string) bool { return false }

// A company where people are called as things are: sixty in each department, and ten
// whose records are looked for below.
func company(t testing.TB) *author.Marks {
	t.Helper()
	m := author.NewMarks()
	for i, p := range []map[string]any{
		{"first_name": "Will", "last_name": "Price", "department": "Sales", "birth_date": "1990-02-03"},
		{"first_name": "May", "last_name": "Sales", "department": "Finance", "login_name": "summer"},
		{"first_name": "Renée", "last_name": "Okonkwo", "display_name": "Renée Okonkwo-Lund", "work_email": "renee.okonkwo@corp.com", "birth_date": "1984-11-30", "phone": "+49 30 901820-17"},
		{"first_name": "Seán", "last_name": "O’Brien", "personal_email": "seanie@mail.example", "home_address": "12 Harbour Road, Northtown 4711", "emergencyContact": map[string]any{"name": "Maeve Kavanagh", "phone": "0151 2345678"}},
		{"first_name": "伟", "last_name": "王", "display_name": "王伟", "badge_id": "B-77120", "salary": 52300.0, "shirt_size": "large"},
		{"first_name": "Łukasz", "last_name": "Żółkiewski", "spouse_name": "Halina Brzezińska", "car_plate": "KR 5PW31", "bike locker": "purple ladder beside the old gate"},
		{"first_name": "Ji-woo", "last_name": "Kim", "national_id": "900203-1234567", "iban": "DE44 5001 0517 5407 3249 31", "desk": "T4-117"},
		{"first_name": "Grace", "last_name": "Field", "cost_center_code": "CC-4490", "team_name": "Identity Platform", "hobby": "sailing", "contract_signed": "2026-10-01"},
		{"first_name": "Bo", "last_name": "Ek", "birth_date": "1979-07-09", "tags": []any{"x", "bo.private@mail.example"}},
		{"first_name": "Miller", "last_name": "Okafor", "employee_number": "70123", "birth_date": "2000-02-29"},
	} {
		m.AddPerson(fmt.Sprintf("w-%d-a", 900+i), p)
	}
	for i := range 240 {
		m.AddPerson(fmt.Sprint(10_000+i), map[string]any{"first_name": "Anna", "last_name": "Xyz" + string(rune('a'+i%26)), "department": []string{"Sales", "Finance", "Okonkwo Labs", "Legal"}[i%4], "switchboard_phone": "+49 30 900000", "desk": "T4-200"})
	}
	m.AddUser("Ursula Kovalenko", "uk@corp.com")
	return m
}

// What tells of a person is found however it is written: their name, their private
// addresses and numbers, what a company keeps beside, and a birth date beside a name.
func TestS98_WhatTellsOfAPersonIsFound(t *testing.T) {
	t.Parallel()
	m := company(t)
	for _, text := range []string{
		"Why has Renée no account?", "why has renee okonkwo none", "RENEE OKONKWO", "Okonkwo, Renée", "renee.okonkwo is the login", "reneeokonkwo", "Ren\u200bée Okon\u00adkwo", "Rene\u0301e Okonkwo", "Ｋａｖａｎａｇｈ gets one",
		"Renée O.", "Okonkwo-Lund", "give Will Price a login", "PRICE, WILL", "for May Sales only", "S. O'Brien and Seán", "sean obrien", "mail seanie@mail.example", "lives at 12 Harbour Road", "12 harbour road,\nnorthtown 4711",
		"call Maeve Kavanagh", "0151/234 56 78", "+49 151 2345678", "030 90182017", "+49-30-901820-17", "(030) 901820 17", "王伟没有帐户", "badge b77120", "badge B-77120", "Lukasz Zolkiewski", "HALINA BRZEZINSKA", "car KR-5PW31",
		"the purple ladder, beside the old gate", "Ji-woo Kim", "900203-1234567", "DE44500105175407324931", "DE44 5001 0517 5407 3249 31", "at desk T4-117", "bo.private@mail.example", "worker 70123", "employee number: 70123",
		"{\"worker\": \"w-904-a\"}", "Ursula Kovalenko approves", "uk@corp.com",
		"will, born 1990-02-03", "price was born on 03.02.1990", "bo (1979-07-09)", "Ek, 9 July 1979", "{\"first_name\": \"may be\", \"x\": \"Will\", \"birth_date\": \"1990-02-03\"}", "miller was born 29/02/2000",
	} {
		require.NotEmpty(t, m.Find("We ask: "+text+" today.", nothing), text)
	}
}

// Ordinary words do not keep a text from being sent because somebody is called so, nor do
// numbers, dates and words of the organisation that are met by chance.
func TestS98_OrdinaryTextsPass(t *testing.T) {
	t.Parallel()
	m := company(t)
	for _, text := range []string{
		"Will the price list of Sales and Finance change in May?", "SALES gets a login, FINANCE may wait. Will it?", "It will price the summer field.", "The Field is a Price. May I?", "Grace period of five days; Miller time.",
		"Legal and Labs, and Finance again.", "logins such as summer.1", "70123 people in 10005 rooms", "up to 10000 of them, port 10101", "born 1990-02-03", "2000-02-29 is a leap day", "on 1984-11-30 at nine", "starts 2026-10-01",
		"cost centre CC-4490 of Identity Platform", "they go sailing, shirt size large", "the switchboard +49 30 900000", "desk T4-200 is shared", "salary above 52300", "Contractors from Acme get a login that starts with c- and the first free number.",
		"30 February does not exist; 2026-12-01 10:00 does.", "anna in small letters", "3.2.1990 is a date; " + strings.Repeat("and so on and so forth ", 8) + "will",
	} {
		require.Empty(t, m.Find(text, nothing), text)
	}
	// A name that only a team bears beside its people is still a name.
	require.NotEmpty(t, m.Find("for Renée Okonkwo of Okonkwo Labs", nothing))
}

// Reading a person again counts nothing: what two have is not what many have, however
// often each is read.
func TestS98_ReadingAgainCountsNothing(t *testing.T) {
	t.Parallel()
	m := author.NewMarks()
	for range 10 {
		m.AddPerson("a", map[string]any{"desk": "T4-117", "team": "Xylophone"})
		m.AddPerson("b", map[string]any{"desk": "T4-117", "last_name": "Xylophone"})
	}
	require.NotEmpty(t, m.Find("desk T4-117", nothing))
	require.NotEmpty(t, m.Find("the Xylophone", nothing))
	size := m.Len()
	m.AddPerson("a", map[string]any{"desk": "T4-117"})
	require.Equal(t, size, m.Len())
	for i := range 5 {
		m.AddPerson(fmt.Sprint("many", i), map[string]any{"desk": "T4-117", "team": "Xylophone"})
	}
	require.Empty(t, m.Find("desk T4-117 of the Xylophone", nothing))
}

// A secret is found in the encodings from which anybody gets it back.
func TestS98_SecretsInEncodings(t *testing.T) {
	t.Parallel()
	const secret = "s3cr3t-of/model+9"
	for _, text := range []string{"with s3cr3t-of/model+9.", "czNjcjN0LW9mL21vZGVsKzk=", "AGFiczNjcjN0LW9mL21vZGVsKzk=", "eHMzY3IzdC1vZi9tb2RlbCs5IQ", "733363723374 no", "7333637233742d6f662f6d6f64656c2b39", "9+ledom/fo-t3rc3s"} {
		require.Equal(t, text != "733363723374 no", author.HoldsSecret(text, secret), text)
	}
	require.False(t, author.HoldsSecret("ab", "ab"))
}
