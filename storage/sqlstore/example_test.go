package sqlstore_test

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"io"
	"log"
	"strings"

	"github.com/itsmkit/itsmkit/storage"
	"github.com/itsmkit/itsmkit/storage/sqlstore"
)

// A host that runs migrations by its own means prints the plan. The last statements have
// placeholders: Migrate runs them with the secret that it makes.
func ExampleStore_Plan() {
	db := sql.OpenDB(emptyDatabase{}) // in a program: sql.Open("pgx", …)
	store, err := sqlstore.New(db, sqlstore.PostgreSQL, sqlstore.Options{})
	if err != nil {
		log.Fatal(err)
	}
	rooms, err := storage.NewSchema("room", 1, []storage.ColumnSpec{
		{Name: "name", Kind: storage.Text},
		{Name: "floor", Kind: storage.Int},
		{Name: "closed", Kind: storage.Time, Nullable: true},
	}, []storage.Index{{Columns: []storage.Order{{Column: "floor"}, {Column: "created", Descending: true}}}})
	if err != nil {
		log.Fatal(err)
	}
	plan, err := store.Plan(context.Background(), rooms)
	if err != nil {
		log.Fatal(err)
	}
	for _, statement := range plan {
		if strings.Contains(statement, "itsm_room") {
			fmt.Println(statement + ";")
		}
	}

	// Output:
	// CREATE TABLE IF NOT EXISTS "itsm_room" (
	//   "tenant" TEXT COLLATE "C" NOT NULL,
	//   "id" TEXT COLLATE "C" NOT NULL,
	//   "version" BIGINT NOT NULL,
	//   "created" BIGINT NOT NULL,
	//   "updated" BIGINT NOT NULL,
	//   "layout" BIGINT NOT NULL,
	//   "name" TEXT COLLATE "C" NOT NULL DEFAULT '',
	//   "floor" BIGINT NOT NULL DEFAULT 0,
	//   "closed" BIGINT,
	//   "body" TEXT COLLATE "C" NOT NULL,
	//   PRIMARY KEY ("tenant", "id")
	// );
	// CREATE INDEX IF NOT EXISTS "itsm_room_floor_created_bbee9b13" ON "itsm_room" ("tenant", "floor", "created" DESC, "id" DESC);
}

// emptyDatabase is a database without tables, so that the example needs no server.
type emptyDatabase struct{}

func (emptyDatabase) Connect(context.Context) (driver.Conn, error) { return emptyDatabase{}, nil }
func (emptyDatabase) Driver() driver.Driver                        { return nil }
func (emptyDatabase) Prepare(string) (driver.Stmt, error)          { return nil, driver.ErrSkip }
func (emptyDatabase) Close() error                                 { return nil }
func (emptyDatabase) Begin() (driver.Tx, error)                    { return nil, driver.ErrSkip }
func (emptyDatabase) QueryContext(context.Context, string, []driver.NamedValue) (driver.Rows, error) {
	return noRows{}, nil
}

type noRows struct{}

func (noRows) Columns() []string         { return nil }
func (noRows) Close() error              { return nil }
func (noRows) Next([]driver.Value) error { return io.EOF }
