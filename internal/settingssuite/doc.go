// Package settingssuite holds the promises of package settings over a store, so that it is shown to
// behave the same on every database engine: values that a hierarchy of tenants inherits, overrides,
// locks and merges; what is late, twice or out of order on its way down; moves; configuration as code;
// and that no tenant learns of another what it may not, under random commands compared with a model.
package settingssuite
