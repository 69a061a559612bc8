// This file makes one CI of two.

package cmdb
