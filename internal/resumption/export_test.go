package resumption

// Decode and Encode are exported because the disk is too slow to fuzz Load and Save.
var (
	Decode = decode
	Encode = encode
)
