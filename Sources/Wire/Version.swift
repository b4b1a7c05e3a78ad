/// Of all programs here.
package let version = "0.1.0"
