module runtime-shim

go 1.24.0
