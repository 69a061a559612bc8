// Package directorytest shows that a directory keeps what [directory.Directory] promises. A host that
// has its people elsewhere runs it over its own:
//
//	func TestDirectory(t *testing.T) {
//		directorytest.Run(t, func(t *testing.T, content directory.Static) (directory.Directory, storage.Store) {
//			return loadUsers(t, content), memory.New()
//		})
//	}
package directorytest
