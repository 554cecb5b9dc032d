package split

// Options are the ways in which SQL dialects differ for splitting. The zero value
// is standard SQL: '…' strings, "…" identifiers, -- and /* */ comments, and a
// semicolon after each statement. [PostgreSQL], [MySQL], [SQLServer] and [SQLite]
// return those of a database.
type Options struct {
	// Backtick: `…` quotes an identifier.
	Backtick bool
	// Bracket: […] quotes an identifier.
	Bracket bool
	// BracketDoubled: ]] stands for ] within […].
	BracketDoubled bool
	// Backslash: \ escapes the next character in '…' and "…".
	Backslash bool
	// EscapeStrings: \ escapes the next character in E'…', and in the quotations
	// that continue it on further lines.
	EscapeStrings bool
	// DollarQuotes: $$…$$ and $tag$…$tag$ quote a string.
	DollarQuotes bool
	// NestedComments: a comment may hold another one.
	NestedComments bool
	// HashComments: # begins a comment that ends with its line.
	HashComments bool
	// DashSpace: -- begins a comment only before white space.
	DashSpace bool
	// ReturnEndsLine: a carriage return ends a -- comment, as a line feed does.
	ReturnEndsLine bool
	// ExecutableComments: what is in /*! … */ is executed. A semicolon in it does
	// not end the statement.
	ExecutableComments bool
	// Triggers: CREATE TRIGGER has a body of statements that ends with "; END",
	// as in SQLite.
	Triggers bool
	// Routines: CREATE FUNCTION and CREATE PROCEDURE may have a body of statements
	// between BEGIN ATOMIC and END.
	Routines bool
	// Rules: CREATE RULE may have several statements in parentheses.
	Rules bool
	// Psql: what only the client psql understands is refused: commands that begin
	// with a backslash, and COPY … FROM STDIN, whose data would be taken for SQL.
	Psql bool
	// Delimiter: a line that begins with DELIMITER says what ends a statement from
	// there on.
	Delimiter bool
	// Go: a line that says GO ends a batch, which is what the server gets. A
	// semicolon does not.
	Go bool
}

// PostgreSQL returns the options for PostgreSQL with standard_conforming_strings
// on, its default since 9.1.
func PostgreSQL() Options {
	return Options{
		EscapeStrings: true, DollarQuotes: true, NestedComments: true, ReturnEndsLine: true,
		Routines: true, Rules: true, Psql: true,
	}
}

// MySQL returns the options for MySQL and MariaDB, in scripts for their command
// line clients, with the default sql_mode. The body of a routine or trigger needs
// DELIMITER, as it does there.
func MySQL() Options {
	return Options{Backtick: true, Backslash: true, HashComments: true, DashSpace: true, ExecutableComments: true, Delimiter: true}
}

// SQLServer returns the options for SQL Server, in scripts for its clients.
func SQLServer() Options {
	return Options{Bracket: true, BracketDoubled: true, NestedComments: true, Go: true}
}

// SQLite returns the options for SQLite.
func SQLite() Options { return Options{Backtick: true, Bracket: true, Triggers: true} }
