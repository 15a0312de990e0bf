DROP INDEX split_documents_issued;
