@{ RootModule = 'OMSGateway.psm1'; ModuleVersion = '1.0'; FunctionsToExport = '*' }
