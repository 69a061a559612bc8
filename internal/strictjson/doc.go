// Package strictjson reads what people write as JSON, so that a slip of the pen is told and not passed over.
package strictjson
