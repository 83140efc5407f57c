/*
 * The custom actions of setup that cannot be said in tables: they hand text to a program on its standard input, since everybody on
 * the computer may read command lines, and show what the program answers. What the text means is the program's business
 * (internal/setup).
 *
 * A library, not a script: Windows is losing VBScript
 * (techcommunity.microsoft.com, "VBScript deprecation: Timelines and next steps").
 */
#define UNICODE
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#include <msi.h>
#include <msiquery.h>

enum { TEXT_MAX = 32 * 1024, ANSWER_MAX = 8 * 1024, PROGRAM_TIME = 5 * 60 * 1000, END_TIME = 30 * 1000, POLL_TIME = 50 };

/* message shows text to the user, or writes it into setup's log. */
static void message(MSIHANDLE install, INSTALLMESSAGE kind, const WCHAR *text)
{
	MSIHANDLE record = MsiCreateRecord(1);
	if (record == 0)
		return;
	MsiRecordSetStringW(record, 0, L"[1]");
	MsiRecordSetStringW(record, 1, text);
	MsiProcessMessage(install, kind, record);
	MsiCloseHandle(record);
}

static WCHAR *allocate(size_t chars)
{
	return HeapAlloc(GetProcessHeap(), HEAP_ZERO_MEMORY, chars * sizeof(WCHAR));
}

/* wipe frees what may hold a password. */
static void wipe(void *memory, size_t bytes)
{
	if (memory == NULL)
		return;
	SecureZeroMemory(memory, bytes);
	HeapFree(GetProcessHeap(), 0, memory);
}

/* property is the value of a property in a new string of TEXT_MAX characters, or NULL if it is longer. */
static WCHAR *property(MSIHANDLE install, const WCHAR *name)
{
	DWORD length = TEXT_MAX;
	WCHAR *value = allocate(TEXT_MAX);
	if (value != NULL && MsiGetPropertyW(install, name, value, &length) != ERROR_SUCCESS) {
		wipe(value, TEXT_MAX * sizeof(WCHAR));
		return NULL;
	}
	return value;
}

/*
 * CollectSettings, immediate: makes the data of WriteSettings, the path of the program and then a line NAME=value for each property
 * that is given. Not an action that sets a property, because brackets in a password would be taken for names of properties.
 */
__declspec(dllexport) UINT __stdcall CollectSettings(MSIHANDLE install)
{
	static const WCHAR *const names[] = { L"PORTNUMBER", L"HASPROXY", L"PROXY", L"HASAUTH", L"USERNAME", L"PASSWORD" };
	UINT result = ERROR_INSTALL_FAILURE;
	size_t used, i;
	WCHAR *value = NULL, *data = property(install, L"INSTALLDIR");
	if (data == NULL)
		return result;
	used = lstrlenW(data);
	if (used + 16 > TEXT_MAX)
		goto done;
	lstrcpyW(data + used, L"omsgateway.exe\n");
	used = lstrlenW(data);
	for (i = 0; i < sizeof names / sizeof *names; i++) {
		size_t length;
		value = property(install, names[i]);
		if (value == NULL)
			goto done;
		length = lstrlenW(value);
		if (length > 0) {
			const WCHAR *c;
			for (c = value; *c != 0; c++) {
				if (*c == L'\n' || *c == L'\r') {
					message(install, INSTALLMESSAGE_ERROR, L"A property of OMS Gateway setup contains a line break.");
					goto done;
				}
			}
			if (used + lstrlenW(names[i]) + length + 3 > TEXT_MAX) {
				message(install, INSTALLMESSAGE_ERROR, L"The properties of OMS Gateway setup are too long.");
				goto done;
			}
			lstrcpyW(data + used, names[i]);
			lstrcatW(data + used, L"=");
			lstrcatW(data + used, value);
			lstrcatW(data + used, L"\n");
			used += lstrlenW(data + used);
		}
		wipe(value, TEXT_MAX * sizeof(WCHAR));
		value = NULL;
	}
	result = MsiSetPropertyW(install, L"WriteSettings", data);
done:
	wipe(value, TEXT_MAX * sizeof(WCHAR));
	wipe(data, TEXT_MAX * sizeof(WCHAR));
	return result;
}

/*
 * run starts program with the command line, both of which others may read, gives it input, and collects up to ANSWER_MAX bytes of
 * what it answers on either output. It is false if the program could not be run to its end.
 */
static BOOL run(const WCHAR *program, WCHAR *command, const char *input, DWORD length, char *answer, DWORD *exit_code)
{
	SECURITY_ATTRIBUTES inherited = { sizeof inherited, NULL, TRUE };
	PROCESS_INFORMATION process = { 0 };
	STARTUPINFOW start = { 0 };
	HANDLE stdin_read = NULL, stdin_write = NULL, stdout_read = NULL, stdout_write = NULL;
	DWORD count, used = 0;
	ULONGLONG deadline;
	BOOL ok = FALSE;

	start.cb = sizeof start;
	start.dwFlags = STARTF_USESTDHANDLES;
	/* The pipe takes the whole input, so that nobody waits for a program that does not read it. */
	if (!CreatePipe(&stdin_read, &stdin_write, &inherited, length + 1) || !CreatePipe(&stdout_read, &stdout_write, &inherited, 0))
		goto done;
	SetHandleInformation(stdin_write, HANDLE_FLAG_INHERIT, 0);
	SetHandleInformation(stdout_read, HANDLE_FLAG_INHERIT, 0);
	start.hStdInput = stdin_read;
	start.hStdOutput = start.hStdError = stdout_write;
	if (!CreateProcessW(program, command, NULL, NULL, TRUE, CREATE_NO_WINDOW, NULL, NULL, &start, &process))
		goto done;
	CloseHandle(stdin_read);
	CloseHandle(stdout_write);
	stdin_read = stdout_write = NULL;
	/* A program that refuses early has closed its input; its answer and exit code tell. */
	if (length > 0)
		WriteFile(stdin_write, input, length, &count, NULL);
	CloseHandle(stdin_write);
	stdin_write = NULL;
	/* Until it has ended and all that it said is read; one that hangs is ended. */
	for (deadline = GetTickCount64() + PROGRAM_TIME; GetTickCount64() < deadline;) {
		BOOL ended = WaitForSingleObject(process.hProcess, 0) == WAIT_OBJECT_0;
		DWORD available = 0;
		if (PeekNamedPipe(stdout_read, NULL, 0, NULL, &available, NULL) && available > 0) {
			char rest[512];
			BOOL room = used < ANSWER_MAX;
			if (!ReadFile(stdout_read, room ? answer + used : rest, room ? ANSWER_MAX - used : sizeof rest, &count, NULL))
				break;
			if (room)
				used += count;
		} else if (ended) {
			ok = GetExitCodeProcess(process.hProcess, exit_code);
			break;
		} else {
			WaitForSingleObject(process.hProcess, POLL_TIME);
		}
	}
	answer[used] = 0;
	if (!ok)
		TerminateProcess(process.hProcess, 1);
done:
	if (stdin_read != NULL)
		CloseHandle(stdin_read);
	if (stdin_write != NULL)
		CloseHandle(stdin_write);
	if (stdout_read != NULL)
		CloseHandle(stdout_read);
	if (stdout_write != NULL)
		CloseHandle(stdout_write);
	if (process.hProcess != NULL) {
		CloseHandle(process.hProcess);
		CloseHandle(process.hThread);
	}
	return ok;
}

/* show gives the user a program's answer, which is UTF-8. */
static void show(MSIHANDLE install, INSTALLMESSAGE kind, const char *answer)
{
	WCHAR *text = allocate(ANSWER_MAX + 1);
	if (text == NULL)
		return;
	MultiByteToWideChar(CP_UTF8, 0, answer, -1, text, ANSWER_MAX + 1);
	message(install, kind, text);
	HeapFree(GetProcessHeap(), 0, text);
}

/* WriteSettings, deferred: runs "omsgateway setup" with the lines that CollectSettings made, and fails with its answer if it does. */
__declspec(dllexport) UINT __stdcall WriteSettings(MSIHANDLE install)
{
	static char answer[ANSWER_MAX + 1];
	WCHAR command[] = L"omsgateway.exe setup";
	UINT result = ERROR_INSTALL_FAILURE;
	DWORD exit_code = 1;
	int length;
	char *input = NULL;
	WCHAR *lines, *program = property(install, L"CustomActionData");
	if (program == NULL)
		return result;
	for (lines = program; *lines != 0 && *lines != L'\n'; lines++)
		;
	if (*lines != 0)
		*lines++ = 0;
	length = WideCharToMultiByte(CP_UTF8, 0, lines, -1, NULL, 0, NULL, NULL);
	input = HeapAlloc(GetProcessHeap(), 0, length);
	if (input == NULL)
		goto done;
	WideCharToMultiByte(CP_UTF8, 0, lines, -1, input, length, NULL, NULL);
	if (!run(program, command, input, length - 1, answer, &exit_code))
		message(install, INSTALLMESSAGE_ERROR, L"The settings could not be written: omsgateway.exe cannot be run.");
	else if (exit_code != 0)
		show(install, INSTALLMESSAGE_ERROR, answer);
	else
		result = ERROR_SUCCESS;
done:
	wipe(input, length);
	wipe(program, TEXT_MAX * sizeof(WCHAR));
	return result;
}

/*
 * RefuseOriginal, deferred: runs the script that saves the settings of an original installation, shows what it answers, and always
 * fails, so that setup changes nothing else.
 */
__declspec(dllexport) UINT __stdcall RefuseOriginal(MSIHANDLE install)
{
	static char answer[ANSWER_MAX + 1];
	static const WCHAR options[] = L"powershell.exe -NoLogo -NoProfile -NonInteractive -ExecutionPolicy Bypass -EncodedCommand ";
	WCHAR program[MAX_PATH + 64];
	WCHAR *command = allocate(TEXT_MAX + sizeof options);
	WCHAR *script = property(install, L"CustomActionData");
	UINT length = GetSystemDirectoryW(program, MAX_PATH);
	DWORD exit_code = 1;
	if (command != NULL && script != NULL && length > 0 && length < MAX_PATH) {
		lstrcatW(program, L"\\WindowsPowerShell\\v1.0\\powershell.exe");
		lstrcpyW(command, options);
		lstrcatW(command, script);
		if (!run(program, command, "", 0, answer, &exit_code) || answer[0] == 0)
			message(install, INSTALLMESSAGE_ERROR, L"Another OMS Gateway is installed, and its settings could not be saved: "
				L"Windows PowerShell cannot be run. Write its settings down, uninstall it, and run this setup again.");
		else
			show(install, INSTALLMESSAGE_ERROR, answer);
	}
	HeapFree(GetProcessHeap(), 0, command);
	HeapFree(GetProcessHeap(), 0, script);
	return ERROR_INSTALL_FAILURE;
}

/*
 * AwaitEnd, deferred: waits until nobody runs the program whose path it is given. A service has stopped a moment before its process has
 * ended, and a file in use would stay until the next restart.
 */
__declspec(dllexport) UINT __stdcall AwaitEnd(MSIHANDLE install)
{
	WCHAR *program = property(install, L"CustomActionData");
	ULONGLONG deadline;
	if (program == NULL)
		return ERROR_SUCCESS;
	for (deadline = GetTickCount64() + END_TIME; GetTickCount64() < deadline; Sleep(POLL_TIME)) {
		HANDLE file = CreateFileW(program, GENERIC_WRITE, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
			OPEN_EXISTING, 0, NULL);
		if (file != INVALID_HANDLE_VALUE) {
			CloseHandle(file);
			break;
		}
		if (GetLastError() != ERROR_SHARING_VIOLATION)
			break;
	}
	HeapFree(GetProcessHeap(), 0, program);
	return ERROR_SUCCESS;
}
