package statefolder

// Descriptor is what an elevated process gives a folder.
const Descriptor = administrators + access
