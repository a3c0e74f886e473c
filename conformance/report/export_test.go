package report

var Width = width
