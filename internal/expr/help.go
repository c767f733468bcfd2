package expr

import "slices"

// Help explains one helper to whoever writes an expression.
type Help struct {
	// Name is what is written; Signature shows what goes into its parentheses.
	Name, Signature, Text string
	// On is the type that a method belongs to; "" for a function.
	On Type
	// Gives is the type of the result.
	Gives Type
	// Example is an expression, and Result what it gives.
	Example, Result string
}

// Of is the type of the entries of a list that a helper gives; "" where they are those
// of what it was given, or anything.
func (h Help) Of() Type {
	if h.Name == "Split" {
		return String
	}
	return ""
}

// Helpers lists all helpers with their help, functions first, each by name. They
// are the functions of this package and the parts of CEL that flows need.
func Helpers() []Help {
	return slices.Concat(textHelp(), choiceHelp(), dateHelp(), methodHelp())
}

func textHelp() []Help {
	return []Help{
		{"Append", "Append(text, end)", "Puts a text behind another one.", "", String, `Append("c-", "ada")`, "c-ada"},
		{"Attribute", "Attribute(from, name)", "The value of this name; empty when there is none. For names that hold spaces, and for values that may be missing.", "", Any, `Attribute({"cost center": "CC 7"}, "cost center")`, "CC 7"},
		{"CBool", "CBool(value)", "Makes true or false out of yes, no, 1, 0, true and false.", "", Bool, `CBool("yes")`, "true"},
		{"CStr", "CStr(value)", "Makes a text out of any value.", "", String, `CStr(5)`, "5"},
		{"Count", "Count(list)", "How many entries a list has.", "", Number, `Count(["a", "b"])`, "2"},
		{"DigitsOnly", "DigitsOnly(text)", "Leaves only 0 to 9.", "", String, `DigitsOnly("+49 30 12")`, "493012"},
		{"InStr", "InStr(text, part)", "The position of a part, from 1; 0 when it is not there. Capitals do not matter.", "", Number, `InStr("Brandt", "AND")`, "3"},
		{"Item", "Item(list, number)", "One entry of a list, counted from 1; nothing when there are fewer.", "", Any, `Item(["a", "b"], 2)`, "b"},
		{"Join", "Join(separator, text, text, …)", "Joins texts or a list; what is empty leaves no separator behind.", "", String, `Join(".", "ada", "", "brandt")`, "ada.brandt"},
		{"Left", "Left(text, count)", "The first characters.", "", String, `Left("Renée", 3)`, "Ren"},
		{"List", "List(value)", "Makes a list of any value: a list stays one, a single value becomes its only entry, nothing becomes an empty list. For attributes that may have several values.", "", List, `List("a")`, "a"},
		{"LettersOnly", "LettersOnly(text)", "Leaves only letters.", "", String, `LettersOnly("O'Neil-3")`, "ONeil"},
		{"Lower", "Lower(text)", "Small letters.", "", String, `Lower("ADA")`, "ada"},
		{"Mid", "Mid(text, start, count)", "Characters from a position, counted from 1.", "", String, `Mid("Brandt", 2, 3)`, "ran"},
		{"NormalizeDiacritics", "NormalizeDiacritics(text)", "Plain Latin letters: accents go, ß becomes ss.", "", String, `NormalizeDiacritics("Łukasz Żółć")`, "Lukasz Zolc"},
		{"PCase", "PCase(text)", "A capital at the start of each word.", "", String, `PCase("ada BRANDT")`, "Ada Brandt"},
		{"RegexReplace", "RegexReplace(text, pattern, with)", "Replaces what a regular expression finds.", "", String, `RegexReplace("a1b22", "[0-9]+", "-")`, "a-b-"},
		{"RemoveDuplicates", "RemoveDuplicates(list)", "Each entry once, in the order of the first ones.", "", List, `RemoveDuplicates(["a", "b", "a"])`, "a, b"},
		{"Replace", "Replace(text, old, new)", "Replaces a text wherever it stands.", "", String, `Replace("ada brandt", " ", ".")`, "ada.brandt"},
		{"Right", "Right(text, count)", "The last characters.", "", String, `Right("Brandt", 2)`, "dt"},
		{"Split", "Split(text, separator)", "Cuts a text into a list.", "", List, `Split("a;b", ";")`, "a, b"},
		{"StripSpaces", "StripSpaces(text)", "Takes out all spaces.", "", String, `StripSpaces("van der Berg")`, "vanderBerg"},
		{"ToLower", "ToLower(text)", "The same as Lower.", "", String, `ToLower("ADA")`, "ada"},
		{"ToUpper", "ToUpper(text)", "The same as Upper.", "", String, `ToUpper("ada")`, "ADA"},
		{"Trim", "Trim(text)", "Takes away spaces at both ends.", "", String, `Trim(" ada ")`, "ada"},
		{"Upper", "Upper(text)", "Capital letters.", "", String, `Upper("ada")`, "ADA"},
		{"Word", "Word(text, number, separators)", "One word of a text, counted from 1; any of the separators ends a word.", "", String, `Word("Ada Maria Brandt", 2, " ")`, "Maria"},
	}
}

func choiceHelp() []Help {
	return []Help{
		{"Coalesce", "Coalesce(value, value, …)", "The first value that is not empty.", "", Any, `Coalesce("", "Ada")`, "Ada"},
		{"IIF", "IIF(condition, then, else)", "One value when the condition holds, another one when it does not.", "", Any, `IIF(2 > 1, "yes", "no")`, "yes"},
		{"IsNull", "IsNull(value)", "Whether there is no value at all. An absent text is empty, not null: use IsNullOrEmpty.", "", Bool, `IsNull("")`, "false"},
		{"IsNullOrEmpty", "IsNullOrEmpty(value)", "Whether a value is absent or empty.", "", Bool, `IsNullOrEmpty(" ")`, "true"},
		{"IsPresent", "IsPresent(value)", "Whether there is a value that is not empty.", "", Bool, `IsPresent("Ada")`, "true"},
		{"IsString", "IsString(value)", "Whether a value is a text.", "", Bool, `IsString(5)`, "false"},
		{"Not", "Not(condition)", "True when the condition does not hold.", "", Bool, `Not(true)`, "false"},
		{"Switch", "Switch(value, otherwise, key, result, …)", "The result that belongs to a value.", "", Any, `Switch("DE", "en", "DE", "de", "FR", "fr")`, "de"},
	}
}

func dateHelp() []Help {
	return []Help{
		{"CDate", "CDate(date)", "Makes a moment out of a text with a date.", "", Timestamp, `CDate("2026-12-01")`, "2026-12-01T00:00:00Z"},
		{"DateAdd", "DateAdd(unit, count, date)", "Moves a date. Units: yyyy years, q quarters, m months, ww weeks, d days, h hours, n minutes, s seconds.", "", Any, `DateAdd("d", -14, "2026-12-15")`, "2026-12-01"},
		{"DateDiff", "DateDiff(unit, from, to)", "How far two dates are apart. Units: d days, h hours, n minutes, s seconds.", "", Number, `DateDiff("d", "2026-12-01", "2026-12-15")`, "14"},
		{"FormatDateTime", "FormatDateTime(date, format)", "Writes a date: yyyy, MM, dd, HH, mm, ss, MMM, ddd. With four values, a text of one format in another: FormatDateTime(text, \"\", from, to).", "", String, `FormatDateTime("2026-12-01", "dd.MM.yyyy")`, "01.12.2026"},
		{"WorkDaysAfter", "WorkDaysAfter(date, count)", "Monday to Friday, this many days later.", "", String, `WorkDaysAfter("2026-11-27", 1)`, "2026-11-30"},
		{"WorkDaysBefore", "WorkDaysBefore(date, count)", "Monday to Friday, this many days earlier.", "", String, `WorkDaysBefore("2026-11-30", 1)`, "2026-11-27"},
	}
}

func methodHelp() []Help {
	return []Help{
		{"has", "has(joiner.name)", "Whether there is a value at this place.", "", Bool, `has({"a": 1}.a)`, "true"},
		{"size", "size(value)", "How many characters a text or entries a list has.", "", Number, `size("ada")`, "3"},
		{"contains", "contains(part)", "Whether the text holds a part.", String, Bool, `"Brandt".contains("ran")`, "true"},
		{"endsWith", "endsWith(end)", "Whether the text ends so.", String, Bool, `"a@example.com".endsWith("example.com")`, "true"},
		{"matches", "matches(pattern)", "Whether a regular expression finds something in the text.", String, Bool, `"Ada".matches("^[A-Z]")`, "true"},
		{"startsWith", "startsWith(start)", "Whether the text begins so.", String, Bool, `"Berlin".startsWith("Ber")`, "true"},
		{"all", "all(x, condition)", "Whether a condition holds for every entry.", List, Bool, `[1, 2].all(x, x > 0)`, "true"},
		{"exists", "exists(x, condition)", "Whether a condition holds for one of the entries.", List, Bool, `["a", "b"].exists(x, x == "b")`, "true"},
		{"filter", "filter(x, condition)", "The entries for which a condition holds.", List, List, `["crm", "erp"].filter(x, x != "erp")`, "crm"},
		{"map", "map(x, value)", "A list with a value for each entry.", List, List, `["a", "b"].map(x, x + "!")`, "a!, b!"},
	}
}
