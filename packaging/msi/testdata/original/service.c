/*
 * The service of the original that stories install: it runs until it is told to stop, and its name is that of its edition.
 */
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

static SERVICE_STATUS_HANDLE handle;
static HANDLE stopped;

static void report(DWORD state)
{
	SERVICE_STATUS status = { SERVICE_WIN32_OWN_PROCESS, 0, SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_SHUTDOWN, 0, 0, 0, 0 };
	status.dwCurrentState = state;
	SetServiceStatus(handle, &status);
}

static DWORD WINAPI control(DWORD code, DWORD type, void *data, void *context)
{
	(void)type, (void)data, (void)context;
	if (code == SERVICE_CONTROL_STOP || code == SERVICE_CONTROL_SHUTDOWN)
		SetEvent(stopped);
	return NO_ERROR;
}

static void WINAPI service(DWORD count, WCHAR **args)
{
	(void)count;
	stopped = CreateEventW(NULL, TRUE, FALSE, NULL);
	handle = RegisterServiceCtrlHandlerExW(args[0], control, NULL);
	report(SERVICE_RUNNING);
	WaitForSingleObject(stopped, INFINITE);
	report(SERVICE_STOPPED);
}

int wmain(void)
{
	static const SERVICE_TABLE_ENTRYW table[] = { { (WCHAR *)L"", service }, { NULL, NULL } };
	return StartServiceCtrlDispatcherW(table) ? 0 : 1;
}
