module github.com/flamingock/flamingock-go

go 1.26
